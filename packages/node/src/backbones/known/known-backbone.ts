/** A backbone that innerloop knows by name, as one record: where it comes from, and how its folder is made. */
import type { LongWork } from "@innerloop/experiments";
import type { BackboneFiles } from "../backbone-store.js";

/** What is known of a backbone. */
export interface KnownBackbone {
  readonly kind: "text" | "image";
  readonly licence: string;
  /** Of its folder. */
  readonly bytes: number;
  /** Fetches what it is made of, below a folder for downloads, and makes its files. */
  make(work: LongWork & { readonly downloads: string }): Promise<BackboneFiles>;
}
