/** Imported by every entry point: errors name the user's line, and none of this package. */
import { declareLibraryModule } from "@innerloop/graph";

declareLibraryModule(import.meta.url);
