import { describe, expect, test } from "bun:test";
import { installLine, packageManagerOf } from "./install.ts";

describe("the command that installs", () => {
  test.each([
    ["ID=debian\n", "apt"],
    ['NAME="Pop!_OS"\nID=pop\nID_LIKE="ubuntu debian"\n', "apt"],
    ["ID=fedora\nVERSION_ID=43\n", "dnf"],
    ['ID="nobara"\nID_LIKE="rhel centos fedora"\n', "dnf"],
    ["ID=cachyos\nID_LIKE=arch\n", "pacman"],
    ["ID=nixos\n", undefined],
    ["", undefined],
  ] as const)("%p is a system of %s", (text, manager) => {
    expect(packageManagerOf(text)).toBe(manager);
  });

  test("is that of the system, and names the packages where that is not known", () => {
    expect(installLine("sway", "apt")).toEndWith("apt-get install -y sway foot");
    expect(installLine("rtkit", "dnf")).toEndWith("dnf install -y rtkit");
    expect(installLine("pipewire", "pacman")).toContain("pacman -S --needed pipewire wireplumber");
    expect(installLine("rtkit", undefined)).toStartWith("#");
  });

  test("tells where a package is when it is not among the usual ones", () => {
    expect(installLine("nvidia", "dnf")).toContain("# from RPM Fusion");
  });
});
