/** Commands that run in namespaces of their own: whatever happens, nothing of them is left. */
const enterScript = new URL("enter.sh", import.meta.url).pathname;

/**
 * Words in front of a command: new mount and process namespaces that end with it and with us. Kill
 * it with SIGKILL; unshare(1) itself blocks Ctrl-C.
 */
const enclosed: readonly string[] = [
  ...["setpriv", "--pdeathsig", "KILL"],
  ...["unshare", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc"],
];

/** A command beside a Debian folder, which may make mounts. */
export function enclose(words: readonly string[]): string[] {
  return [...enclosed, ...words];
}

/** A command of root's in the folder, to install packages that are kept in `archives`. */
export function installIn(
  { folder, archives }: { readonly folder: string; readonly archives: string },
  words: readonly string[],
): string[] {
  return enclose(["sh", enterScript, "install", folder, archives, ...words]);
}

/**
 * A command of an ordinary user's in the checkout, without a network but its own: the abstract
 * sockets of this machine's desktops are not seen.
 */
export function useIn(place: Place, words: readonly string[]): string[] {
  return [...enclosed, "--net", ...enterWords(place, words)];
}

export interface Place {
  readonly folder: string;
  readonly checkout: string;
  readonly build: string;
  readonly pictures: string;
}

/** The same for a machine of which nothing else is wanted, and which ends with the command. */
export function enterWords(place: Place, words: readonly string[]): string[] {
  const { folder, checkout, build, pictures } = place;
  return ["sh", enterScript, "use", folder, checkout, build, pictures, ...words];
}
