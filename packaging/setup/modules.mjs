/** Whether node_modules holds what package-lock.json asks for. Pure, but for the folder check. */

/**
 * @typedef {{ version?: string, integrity?: string, optional?: boolean }} LockedPackage
 * @typedef {{ packages?: Record<string, LockedPackage> }} Lockfile
 */

/**
 * Says how the installed packages differ from the wanted ones; undefined when they do not.
 * Optional packages may be absent: npm leaves out those of other platforms. More than is wanted
 * does no harm.
 * @param {Lockfile} wanted package-lock.json
 * @param {Lockfile | undefined} installed node_modules/.package-lock.json, which npm writes last
 * @param {(path: string) => boolean} exists whether a folder such as "node_modules/zod" is there
 * @returns {string | undefined}
 */
export function modulesDifference(wanted, installed, exists) {
  if (installed === undefined) return "not installed";
  const have = installed.packages ?? {};
  for (const [path, { version, integrity, optional }] of Object.entries(wanted.packages ?? {})) {
    if (path === "") continue;
    const found = have[path];
    if (found === undefined) {
      if (optional) continue;
      return `${path} is not installed`;
    }
    if (found.version !== version || found.integrity !== integrity) {
      return `${path} is ${found.version}, not ${version}`;
    }
    if (!exists(path)) return `${path} was removed`;
  }
  return undefined;
}
