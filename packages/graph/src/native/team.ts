/** How threads share a run: C that stands before and after the function that all of them go through. */

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

/**
 * `program(in, out, constants, workspace)`: a run by this thread. 0, or 1 where an index is out of range. Threads that share one
 * all call `member` with the same team, each with its part; the result is the same for any number of them.
 */
export const entry = `int program(const void *const *in, void *const *out, const char *constants, char *workspace) {
  struct team team = { in, out, constants, workspace, 1, 0, 0, 0 };
  member(in, out, constants, workspace, &team, 0);
  return team.failed;
}
`;
