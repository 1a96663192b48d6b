/** What Node can read of texts, for an experiment. */
import type { TextIo } from "@innerloop/experiments";
import { readMarkedTexts } from "./texts/marked/marked-files.js";

const later = (): Promise<never> => Promise.reject(new Error("in the making"));

/** Tables, folders, marked texts and data sets of this machine. */
export const machineTexts: Pick<TextIo, "texts" | "markedTexts"> = { texts: later, markedTexts: readMarkedTexts };
