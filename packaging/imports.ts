/**
 * The import rule: which folder of src may import which, and that only src/ffi touches bun:ffi.
 * ARCHITECTURE.md shows it as a picture. Type-only imports and tests count as well.
 */
import { dirname, join, normalize } from "node:path";

/** A folder of src to those that it may import; its own is always allowed. */
export const mayImport: Readonly<Record<string, readonly string[]>> = {
  base: [],
  wire: ["base"],
  transport: ["wire", "base"],
  ffi: ["wire", "base"],
  host: ["ffi", "transport", "wire", "base"],
  client: ["ffi", "transport", "wire", "base"],
  console: ["wire", "base"],
  harness: ["host", "client", "ffi", "transport", "wire", "base"],
  cli: ["host", "client", "harness", "console", "ffi", "transport", "wire", "base"],
};

const transpiler = new Bun.Transpiler({
  loader: "ts",
  tsconfig: JSON.stringify({ compilerOptions: { verbatimModuleSyntax: true } }),
});

/** Module specifiers that a TypeScript source imports or re-exports, each once. */
export function importsOf(source: string): string[] {
  // The scanner drops type-only imports, so they lose their `type` first.
  const withTypes = source
    .replace(/^#!.*/, "")
    .replace(/^(\s*(?:import|export))\s+type\s+(?=[{*]|\w+\s+from\b)/gm, "$1 ")
    .replace(/^(\s*(?:import|export)\s*\{[^}]*\}\s*from\b)/gm, (braces) =>
      braces.replace(/([{,]\s*)type\s+/g, "$1"),
    );
  const typeOrWorker = /\bimport\("([^"]+)"\)|\bnew Worker\(\s*new URL\("([^"]+)"/g;
  return [
    ...new Set([
      ...transpiler.scanImports(withTypes).map((found) => found.path),
      ...[...source.matchAll(typeOrWorker)].map((match) => match[1] ?? match[2] ?? ""),
    ]),
  ];
}

/**
 * What breaks the rule in one file, as sentences.
 * @param path of the file below the root, as "src/host/session.ts"
 */
export function importViolations(path: string, source: string): string[] {
  const from = folderOf(path);
  const violations: string[] = [];
  for (const specifier of importsOf(source)) {
    if (specifier === "bun:ffi" && from !== "ffi") {
      violations.push(`${path} imports bun:ffi, which only src/ffi may.`);
    }
    if (!specifier.startsWith(".") || from === undefined) continue;
    const target = normalize(join(dirname(path), specifier));
    if (target === "package.json") continue; // The version, for whoever shows it.
    const to = folderOf(target);
    if (to === from) continue;
    const allowed = mayImport[from];
    if (allowed === undefined) {
      violations.push(`${path}: src/${from} has no place in the import rule.`);
    } else if (to === undefined || !allowed.includes(to)) {
      const named = allowed.map((folder) => `src/${folder}`).join(", ") || "nothing of ours";
      violations.push(`${path} imports ${target}; src/${from} may import ${named}.`);
    }
  }
  return violations;
}

/** "host" of "src/host/session.ts"; undefined outside src, where everything may be imported. */
function folderOf(path: string): string | undefined {
  return /^src\/([^/]+)\//.exec(path)?.[1];
}
