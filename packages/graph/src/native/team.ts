/** How threads share a run: C that stands before and after the function that all of them go through. Without POSIX threads there is one. */

/** The threads of a run, and where they meet. Those that wait look again and again for a while before they let others run. */
export const team = `#if !defined(__wasm__) && !defined(_WIN32)
#define THREADS
#include <pthread.h>
#include <sched.h>
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
    for (long tries = 0; __atomic_load_n(&team->turn, __ATOMIC_ACQUIRE) == turn; tries++) if (tries > 4000) sched_yield();
  }
#endif
}`;

/** Threads of a run at most. */
export const mostParts = 64;

/**
 * `program(in, out, constants, workspace, parts)`: a run by so many threads, of which this is one; by fewer where the machine
 * gives no more. 0, or 1 where an index is out of range. The result is the same for any number of them.
 */
export const entry = `#ifdef THREADS
struct member { struct team *team; long part; };
static void *joined(void *given) {
  const struct member *m = given;
  struct team *team = m->team;
  /* Nobody begins before it is known how many there are. */
  while (__atomic_load_n(&team->turn, __ATOMIC_ACQUIRE) < 0) sched_yield();
  if (m->part < team->parts) member(team->in, team->out, team->constants, team->workspace, team, m->part);
  return 0;
}
#endif
int program(const void *const *in, void *const *out, const char *constants, char *workspace, long parts) {
  struct team team = { in, out, constants, workspace, 1, 0, 0, 0 };
#ifdef THREADS
  pthread_t threads[${mostParts}];
  struct member members[${mostParts}];
  long started = 1;
  if (parts > ${mostParts}) parts = ${mostParts};
  if (parts > 1) {
    team.turn = -1;
    for (; started < parts; started++) {
      members[started] = (struct member){ &team, started };
      if (pthread_create(&threads[started], 0, joined, &members[started]) != 0) break;
    }
    team.parts = started;
    __atomic_store_n(&team.turn, 0, __ATOMIC_RELEASE);
  }
#endif
  member(in, out, constants, workspace, &team, 0);
#ifdef THREADS
  for (long part = 1; part < started; part++) pthread_join(threads[part], 0);
#endif
  return team.failed;
}
`;
