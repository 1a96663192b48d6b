/** A data set that innerloop knows by name, as one record: where it comes from, and how its authors' files are read. */
import type { LongWork } from "@innerloop/experiments";
import type { KindName, ReadSet } from "../store/stored-kinds.js";

/** An archive of a data set as its authors offer it. */
export interface OfferedArchive {
  readonly url: string;
  readonly md5: string;
  readonly maximumBytes: number;
}

/** How the files of a set are read, as its authors made them; what they are is a source. */
export interface KnownFiles<Source> {
  /** What one path is, where one is all: "archive or folder". */
  readonly onePath?: string;
  /** Whether images may be brought to a size of one's own. */
  readonly resizes: boolean;
  /** The source that paths of a command line are. */
  source(paths: readonly string[], size?: readonly [number, number]): Source;
  read(source: Source, work: LongWork): Promise<ReadSet>;
}

/** What is known of a data set. */
export interface KnownSet<Source = never> {
  /** What it holds; examples unless given. */
  readonly kind?: KindName;
  /** What to do where the set is not here. */
  readonly remedy: string;
  readonly files?: KnownFiles<Source>;
  /** Makes the data set when it is first asked for. */
  readonly prepare?: (work: LongWork & { readonly downloads: string }) => Promise<ReadSet>;
  /** Whether that takes the network now. */
  readonly isFetched?: () => boolean;
  /** Fetches what it is made of into a folder, from its authors. */
  readonly download?: (
    folder: string,
    work: LongWork & { readonly archives?: readonly OfferedArchive[] },
  ) => Promise<Source>;
}
