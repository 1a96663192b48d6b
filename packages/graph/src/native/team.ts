/** How a run goes, and how threads share it: the table of calls, and the function that all threads go through. */
import type { NativeNode } from "./nodes.js";
import type { NativeTarget } from "./target.js";

/** The threads of a run, and where they meet. Those that wait look again and again for a while before they let others run. */
export const team = `#if !defined(__wasm__) && !defined(_WIN32)
#define THREADS
#include <sched.h>
#endif
#if defined(__x86_64__) || defined(__i386__)
#define PAUSE __builtin_ia32_pause()
#elif defined(__aarch64__)
#define PAUSE __asm__ volatile("yield")
#else
#define PAUSE
#endif
struct team { const void *const *in; void *const *out; const char *constants; char *workspace; long parts; int arrived, turn, failed; };
static void meet(struct team *team) {
#ifdef THREADS
  if (team->parts == 1) return;
  const int turn = __atomic_load_n(&team->turn, __ATOMIC_ACQUIRE);
  if (__atomic_add_fetch(&team->arrived, 1, __ATOMIC_ACQ_REL) == team->parts) {
    __atomic_store_n(&team->arrived, 0, __ATOMIC_RELAXED);
    __atomic_store_n(&team->turn, turn + 1, __ATOMIC_RELEASE);
  } else {
    for (long tries = 0; __atomic_load_n(&team->turn, __ATOMIC_ACQUIRE) == turn; tries++) {
      PAUSE;
      if (tries > 4000) sched_yield();
    }
  }
#endif
}`;

/** A call of a function that makes an array. */
export interface Call {
  readonly node: NativeNode;
  readonly reads: readonly NativeNode[];
  readonly name: string;
  /** Whether threads each compute a part. */
  readonly inParts: boolean;
}

const bases = ["in", "out", "constants", "workspace"] as const;

/** Where an array is: which of the inputs or outputs, or so many bytes into the constants or the workspace. */
export type Place = readonly [base: (typeof bases)[number], at: number];

/** Calls of fewer elements are not worth threads that meet. */
const fewElements = 4096;

/** The calls of a run in their order, as a table: written as statements, they take a tenth of all compiling, a third where they are optimized. */
export function callTable(
  calls: readonly Call[],
  places: ReadonlyMap<NativeNode, Place>,
  { sharedFrom = fewElements }: NativeTarget,
): string {
  const arrays: string[] = [];
  const rows = calls.map(({ node, reads, name, inParts }) => {
    const first = arrays.length;
    for (const each of [...reads, node]) {
      const [base, at] = places.get(each)!;
      arrays.push(`{${at},${bases.indexOf(base)}}`);
    }
    const isShared = inParts && reads.reduce((sum, { size }) => sum + size, node.size) >= sharedFrom;
    return `{(function)${name},${first},${reads.length + 1},${Number(inParts)},${Number(isShared)}}`;
  });
  const counts = [...new Set(calls.map(({ reads }) => reads.length + 1))].sort((a, b) => a - b);
  const cases = counts.map((count) => {
    const types = new Array(count).fill("void *").join(", ");
    const given = Array.from({ length: count }, (_, i) => `x[${i}]`).join(", ");
    return `case ${count}: return c->in_parts ? ((int (*)(${types}, long, long))c->f)(${given}, part, parts) : ((int (*)(${types}))c->f)(${given});`;
  });
  return `typedef int (*function)(void);
/* An array: its number of the inputs or outputs, or its bytes into the constants or the workspace. */
struct array { uint64_t at; int base; };
/* A function, its first array and their number, whether it takes parts, and whether threads share it. */
struct call { function f; int first, count, in_parts, shared; };
static const struct array arrays[] = {${[...arrays, "{0,0}"].join(",")}};
static const struct call calls[] = {
${[...rows, "{0,0,0,0,0}"].join(",\n")}
};
static int called(const struct call *c, const struct team *team, const long part, const long parts) {
  void *x[${Math.max(1, ...counts)}];
  for (int n = 0; n < c->count; n++) {
    const struct array *a = arrays + c->first + n;
    x[n] = a->base == 0 ? (void *)team->in[a->at] : a->base == 1 ? team->out[a->at] : a->base == 2 ? (char *)team->constants + a->at : team->workspace + a->at;
  }
  switch (c->count) {
  ${cases.join("\n  ")}
  }
  return 0;
}`;
}

/**
 * `program(in, out, constants, workspace)`: a run by this thread. 0, or 1 where an index is out of range. Threads that share one
 * all call `member` with the same team, each with its part; the result is the same for any number of them. All go through all
 * calls; each does its part of what is shared, the first of them all else. They meet before and after what is shared: what a call
 * reads has been made, and memory is made use of again after it was read.
 *
 * @param copies what the first of them does at the end
 */
export const member = (
  copies: readonly string[],
): string => `static void member(const void *const *in, void *const *out, const char *constants, char *workspace, struct team *team, const long part) {
  int alone = 0;
  for (const struct call *c = calls; c->f; c++) {
    if (!c->shared) {
      alone = 1;
      if (part == 0 && !team->failed) team->failed = called(c, team, 0, 1);
      continue;
    }
    if (alone) {
      meet(team);
      if (team->failed) return;
      alone = 0;
    }
    called(c, team, part, team->parts);
    meet(team);
  }
  if (alone) {
    meet(team);
    if (team->failed) return;
  }
${copies.length > 0 ? `  if (part == 0) {\n${copies.join("\n")}\n  }\n` : ""}}
int program(const void *const *in, void *const *out, const char *constants, char *workspace) {
  struct team team = { in, out, constants, workspace, 1, 0, 0, 0 };
  member(in, out, constants, workspace, &team, 0);
  return team.failed;
}
`;
