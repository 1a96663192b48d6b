/** The package innerloop in a page: the library alone, without a module of Node's. */
import { declareLibraryModule } from "@innerloop/graph";

export * from "@innerloop/core";

declareLibraryModule(import.meta.url);
