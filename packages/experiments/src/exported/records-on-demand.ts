/** Records by name in modules of their own, which are loaded when one is first asked for. */

/** A total table of records, of which those that were loaded are at hand. */
export interface RecordsOnDemand<Records extends object> {
  /** The question whether there is a record of this name. */
  has(name: unknown): name is keyof Records;
  /** Loads a record; does nothing for what is no name of one. */
  load(name: unknown): Promise<void>;
  /** All of them, loaded. */
  all(): Promise<Readonly<Records>>;
  /** A record that was loaded. */
  of<Name extends keyof Records>(name: Name): Records[Name];
}

/**
 * Records by the imports of their modules.
 *
 * @param title how messages call a record
 */
export function recordsOnDemand<Records extends object>(
  title: string,
  imports: { readonly [Name in keyof Records]: () => Promise<Records[Name]> },
): RecordsOnDemand<Records> {
  const loaded: Partial<Records> = {};
  const has = (name: unknown): name is keyof Records => typeof name === "string" && Object.hasOwn(imports, name);
  const load = async (name: unknown): Promise<void> => {
    if (has(name)) loaded[name] ??= await imports[name]();
  };
  return {
    has,
    load,
    all: async () => {
      const names = Object.keys(imports) as (keyof Records)[];
      await Promise.all(names.map(load));
      // In the order in which they stand, whichever was loaded first.
      return Object.fromEntries(names.map((name) => [name, loaded[name]])) as Records;
    },
    of: (name) => {
      const record = loaded[name];
      if (record === undefined) throw new TypeError(`the ${title} ${String(name)} was not loaded before it was used`);
      return record;
    },
  };
}
