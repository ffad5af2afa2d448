import assert from "node:assert/strict";
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join, relative, resolve } from "node:path";
import { test } from "node:test";
import { fileURLToPath, pathToFileURL } from "node:url";

const ROOT = resolve(dirname(fileURLToPath(import.meta.url)), "..");

const pages = [
  join(ROOT, "README.md"),
  ...readdirSync(join(ROOT, "docs"), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && entry.name.endsWith(".md"))
    .map((entry) => join(entry.parentPath, entry.name)),
];

/** `expression; // => value` becomes an assertion on that very line; the rest runs as it stands. */
function executable(fence: string): string {
  const body = fence.replace(
    /^(\s*)(.+?);?\s*\/\/ => (.+)$/gm,
    (_line, ...[indent, expression, value]: string[]) =>
      `${indent}assert.deepEqual(await (${expression}), ${value});`,
  );
  return `import assert from "node:assert/strict";\n${body}\n`;
}

for (const page of pages) {
  const text = readFileSync(page, "utf8");
  const fences = [...text.matchAll(/```ts\n([\s\S]*?)```/g)].map((match) => match[1] ?? "");
  for (const [index, fence] of fences.entries()) {
    test(`${relative(ROOT, page)}: example ${index + 1} runs as written`, async () => {
      // Beside examples/, so that the packages resolve as for an outside user.
      const folder = mkdtempSync(join(ROOT, "examples", ".docs-"));
      try {
        const file = join(folder, "fence.ts");
        writeFileSync(file, executable(fence));
        await import(pathToFileURL(file).href);
      } finally {
        rmSync(folder, { recursive: true, force: true });
      }
    });
  }
}

test("every relative link of the README and the docs leads somewhere", () => {
  const broken = pages.flatMap((page) =>
    [...readFileSync(page, "utf8").matchAll(/\]\((?!https?:|#|mailto:)([^)#]+)(?:#[^)]*)?\)/g)]
      .map((match) => match[1] ?? "")
      .filter((target) => {
        try {
          readFileSync(resolve(dirname(page), target));
          return false;
        } catch (error) {
          return (error as NodeJS.ErrnoException).code !== "EISDIR";
        }
      })
      .map((target) => `${relative(ROOT, page)} -> ${target}`),
  );
  assert.deepEqual(broken, []);
});

test("no page names a machine's path or a registry", () => {
  const named = pages.filter((page) =>
    /\/work\/|\/root\/|registry\.npmjs|\/home\/\w/.test(readFileSync(page, "utf8")),
  );
  assert.deepEqual(
    named.map((page) => relative(ROOT, page)),
    [],
  );
});
