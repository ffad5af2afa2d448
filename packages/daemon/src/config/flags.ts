import type { Command } from "commander";
import { settings } from "./schema.ts";

/** Adds a flag per setting that can have one. */
export function addSettingFlags(command: Command): void {
  for (const setting of settings) {
    if (setting.flag === undefined) continue;
    const form = setting.kind === "boolean" ? "[true|false]" : "<value>";
    const separated = setting.kind === "list" || setting.kind === "levels" ? "; comma-separated" : "";
    command.option(`${setting.flag} ${form}`, `${setting.note} (${setting.type}${separated})`);
  }
}

/** The texts of the flags given, by setting key. */
export function settingFlags(options: Readonly<Record<string, unknown>>): Record<string, string> {
  return Object.fromEntries(
    settings.flatMap((setting) => {
      const given = setting.flag === undefined ? undefined : options[attributeOf(setting.flag)];
      // A boolean flag without a value means true.
      return typeof given === "string" || typeof given === "boolean" ? [[setting.key, `${given}`]] : [];
    }),
  );
}

/** `--discovery-dht-mode` → `discoveryDhtMode`, as commander names it. */
function attributeOf(flag: string): string {
  return flag.slice(2).replace(/-([a-z])/g, (_match, letter: string) => letter.toUpperCase());
}
