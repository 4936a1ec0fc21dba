/**
 * What the operator may change while the host runs. Three layers, the last one wins at a start: the
 * usual values, those that were kept, and those that the command line names. A change is in force
 * at once and kept for later starts.
 */
import { z } from "zod";
import { PfError } from "../base/errors.ts";
import { readState, statePath, writeState } from "../base/state.ts";
import { limit } from "../wire/limits.ts";
import { type Settings, type SettingsChange, settingsSchema } from "../wire/management.ts";

const usual: Settings = {
  bitrateKbpsDefault: limit("bitrate_kbps_default"),
  bitrateKbpsMax: limit("bitrate_kbps_max"),
  sessionsMax: 4,
  compositor: "auto",
};

/** Fields that a later version added are kept as they are. */
const fileSchema = z.looseObject({ version: z.literal(1), ...settingsSchema.partial().shape });

/** Where settings are kept. */
export const settingsPath = () => statePath("config", "settings.json");

export class HostSettings {
  readonly #path: string;
  readonly #listeners = new Set<(settings: Settings) => void>();
  #kept: z.output<typeof fileSchema>;
  #current: Settings;
  #writing: Promise<void> = Promise.resolve();

  private constructor(path: string, kept: z.output<typeof fileSchema>, current: Settings) {
    this.#path = path;
    this.#kept = kept;
    this.#current = current;
  }

  /** Throws PF_STATE_INVALID for a file that is damaged; it stays as it is. */
  static async open(
    named: { readonly [Name in keyof Settings]?: Settings[Name] | undefined },
    path = settingsPath(),
  ): Promise<HostSettings> {
    const kept = (await readState(path, fileSchema)) ?? { version: 1 };
    const { bitrateKbpsDefault, bitrateKbpsMax, sessionsMax, compositor } = {
      ...usual,
      ...defined(kept),
      ...defined(named),
    };
    const current = {
      bitrateKbpsDefault: Math.min(bitrateKbpsDefault, bitrateKbpsMax),
      bitrateKbpsMax,
      sessionsMax,
      compositor,
    };
    return new HostSettings(path, kept, current);
  }

  get current(): Settings {
    return this.#current;
  }

  /** Calls `listener` after each change; it must not throw. Returns how to stop it. */
  subscribe(listener: (settings: Settings) => void): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  /**
   * In force at once. Throws PF_USAGE for a usual bitrate above the highest one; a highest one below
   * the usual one lowers that. Rejects with PF_STATE_INVALID when it can't be kept.
   */
  async change(change: SettingsChange): Promise<Settings> {
    const wanted: Settings = { ...this.#current, ...defined(change) };
    if (wanted.bitrateKbpsDefault > wanted.bitrateKbpsMax) {
      if (change.bitrateKbpsDefault !== undefined) throw aboveMax(wanted);
      wanted.bitrateKbpsDefault = wanted.bitrateKbpsMax;
    }
    const before = this.#current;
    this.#current = wanted;
    const changed = Object.entries(wanted).filter(
      ([name, value]) => name in change || before[name as keyof Settings] !== value,
    );
    const kept = { ...this.#kept, ...Object.fromEntries(changed) };
    this.#kept = kept;
    for (const listener of this.#listeners) listener(wanted);
    const write = () => writeState(this.#path, this.#kept);
    this.#writing = this.#writing.then(write, write);
    await this.#writing;
    return wanted;
  }
}

function defined<Fields extends object>(fields: Fields) {
  const entries = Object.entries(fields).filter(([, value]) => value !== undefined);
  return Object.fromEntries(entries) as {
    [Name in keyof Fields]: Exclude<Fields[Name], undefined>;
  };
}

function aboveMax({ bitrateKbpsDefault, bitrateKbpsMax }: Settings): PfError {
  const words = `A usual bitrate of ${bitrateKbpsDefault} kbps is above the highest one`;
  return new PfError("PF_USAGE", `${words}, ${bitrateKbpsMax} kbps.`, {
    hint: "Raise the highest one too, or choose a lower one.",
  });
}
