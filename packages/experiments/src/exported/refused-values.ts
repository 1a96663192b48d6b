/** What readers of a run's domain refuse, as an exported learner says it. */
import { UsageError } from "../options/usage-error.js";
import { ExportError } from "./export-error.js";

/** The refusal of a value that a domain's own reader has refused. */
function refusal(where: string, error: unknown): unknown {
  if (!(error instanceof UsageError)) return error;
  const { message, remedy } = error;
  const problem = message.endsWith(`. ${remedy}`) ? message.slice(0, -remedy.length - 2) : message;
  return new ExportError("ILE206", where, problem, remedy, { cause: error });
}

/** What a domain's reader reads. @throws ExportError ILE206 for what it refuses */
export function readAs<T>(where: string, read: () => T): T {
  try {
    const found = read();
    if (!(found instanceof Promise)) return found;
    return found.catch((error: unknown) => {
      throw refusal(where, error);
    }) as T;
  } catch (error) {
    throw refusal(where, error);
  }
}
