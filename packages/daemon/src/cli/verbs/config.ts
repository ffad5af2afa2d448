import { readFileSync } from "node:fs";
import type { Command } from "commander";
import { loadConfig, resolveConfig } from "../../config/load.ts";
import { withSetting } from "../../config/edit.ts";
import { configInvalid } from "../../config/problem.ts";
import { problemOfValue } from "../../config/check.ts";
import { CONFIG_FILE, parseConfig } from "../../config/read-file.ts";
import { type Setting, settings } from "../../config/schema.ts";
import { tomlOf, valueOfText } from "../../config/text.ts";
import type { ConfigValueView } from "../../control/types.ts";
import { makeHome, writePrivate } from "../../home.ts";
import { nearest } from "../../nearest.ts";
import type { Attach, Invocation, Verb } from "../invocation.ts";
import { table } from "../table.ts";
import { UsageError } from "../usage-error.ts";

export const config: Verb = (command, attach) => {
  addShow(command, attach);
  addSet(command, attach);

  const get = command.command("get").summary("one value").argument("<key>");
  attach(get, async (invocation) => {
    const { key } = settingNamed(invocation.args[0]);
    const values = loaded(invocation).filter((value) => value.key === key);
    invocation.print({ values }, values.map((value) => `${shown(value)}\n`).join(""));
    return 0;
  });

  const validate = command.command("validate").summary("whether the configuration holds");
  attach(validate, async (invocation) => {
    const values = loaded(invocation);
    invocation.print({ ok: true, values }, `${invocation.paths.config} holds\n`);
    return 0;
  });
};

function addShow(command: Command, attach: Attach): void {
  const show = command
    .command("show", { isDefault: true })
    .summary("every value and where it comes from")
    .argument("[key]");
  attach(show, async (invocation) => {
    const [key] = invocation.args;
    const chosen = key === undefined ? undefined : settingNamed(key).key;
    const values = loaded(invocation).filter((value) => chosen === undefined || value.key === chosen);
    invocation.print(
      { values },
      table(
        ["key", "value", "from"],
        values.map((value) => [value.key, shown(value), value.origin]),
      ),
    );
    return 0;
  });
}

function addSet(command: Command, attach: Attach): void {
  const set = command
    .command("set")
    .summary("change one line of config.toml")
    .argument("<key>")
    .argument("<value>");
  attach(set, async (invocation) => {
    const [name, text = ""] = invocation.args;
    const setting = settingNamed(name);
    const value = valueOfText(setting, text);
    const problem = problemOfValue(setting, value, { where: "argument", text });
    if (problem !== undefined || value === undefined)
      throw configInvalid(problem === undefined ? [] : [problem]);
    makeHome(invocation.paths);
    const changed = withSetting(currentText(invocation.paths.config), setting, value);
    // Judged before it is written: a file that cannot be read back helps nobody.
    resolveConfig(parseConfig(changed), { env: {}, flags: {} });
    writePrivate(invocation.paths.config, changed);
    const values = loaded(invocation).filter((candidate) => candidate.key === setting.key);
    invocation.print({ values }, `${setting.key} = ${tomlOf(value)}, from the next start on\n`);
    return 0;
  });
}

function loaded(invocation: Invocation): readonly ConfigValueView[] {
  return loadConfig({ home: invocation.paths.home, env: invocation.io.env, flags: {} }).values;
}

function shown(value: ConfigValueView): string {
  return value.value === null ? "-" : tomlOf(value.value);
}

function settingNamed(name = ""): Setting {
  const setting = settings.find((candidate) => candidate.key === name);
  if (setting !== undefined) return setting;
  const near = nearest(
    name,
    settings.map((candidate) => candidate.key),
  );
  throw new UsageError(
    `unknown key "${name}"${near === undefined ? "" : `. Did you mean "${near}"?`}`,
    near === undefined ? "gridmesh config show" : `gridmesh config get ${near}`,
  );
}

function currentText(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return "";
    throw configInvalid([
      { where: CONFIG_FILE, what: (error as Error).message, fix: "Check its owner and mode." },
    ]);
  }
}
