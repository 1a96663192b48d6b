/** What makes a program a module of Node: calls with typed arrays, which threads of its own compute. */
export const moduleGlue = `
#if PART == 0
#define NAPI_VERSION 8
#include <node_api.h>
#include <stdlib.h>
#include <pthread.h>
#include <time.h>
#ifdef __linux__
#include <sys/mman.h>
#endif
#define MOST_ARRAYS 65536
#define MOST_PLACES 64
#define LARGE (2 << 20)
#define LOOK_NS 200000
/* A run that was asked for: arrays that it reads and writes, which stay until it is done. */
struct job { struct job *next; uint32_t ins, outs; int32_t result; napi_deferred deferred; napi_ref arrays; void *data[]; };
/* Threads that take jobs in their order, each with a workspace of its own; or one that does, with others that share its runs. */
struct places {
  pthread_mutex_t lock;
  pthread_cond_t more, begins;
  struct job *first, *last;
  pthread_t threads[MOST_PLACES], sharing[MOST_PLACES];
  long most, started, idle, looking, ending, pending, closed;
  /* Those that share, how many runs they have begun, and how many of them are done with the last one. */
  long shared, turn, done_with;
  struct team team;
  size_t bytes;
  char *constants;
  /* Of runs that the thread of JavaScript computes itself. */
  char *own;
  napi_threadsafe_function done;
};
/* Large ones in large pages, which take fewer lookups of addresses. */
static char *workspace_of(const struct places *p) {
  const size_t line = p->bytes >= LARGE ? LARGE : 64, bytes = (p->bytes / line + 1) * line;
  char *workspace = aligned_alloc(line, bytes);
#ifdef MADV_HUGEPAGE
  if (workspace && line == LARGE) madvise(workspace, bytes, MADV_HUGEPAGE);
#endif
  return workspace;
}
/* Looks for a while whether a job has come, or a run after this one has begun, before it sleeps: being woken takes as long as a small run. */
static void look(struct places *p, long turn) {
  struct timespec from, now;
  clock_gettime(CLOCK_MONOTONIC, &from);
  pthread_mutex_unlock(&p->lock);
  for (long n = 0;; n++) {
    if (__atomic_load_n(&p->ending, __ATOMIC_RELAXED)) break;
    if (turn < 0 ? __atomic_load_n(&p->first, __ATOMIC_RELAXED) != 0 : __atomic_load_n(&p->turn, __ATOMIC_RELAXED) != turn) break;
    PAUSE;
    if (n % 50 != 0) continue;
    clock_gettime(CLOCK_MONOTONIC, &now);
    if ((now.tv_sec - from.tv_sec) * 1000000000L + now.tv_nsec - from.tv_nsec > LOOK_NS) break;
  }
  pthread_mutex_lock(&p->lock);
}
struct sharer { struct places *p; long part; };
static void *share(void *given) {
  const struct sharer own = *(struct sharer *)given;
  struct places *p = own.p;
  free(given);
  for (long seen = 0;; seen++) {
    pthread_mutex_lock(&p->lock);
    if (p->turn == seen) look(p, seen);
    while (p->turn == seen && !p->ending) pthread_cond_wait(&p->begins, &p->lock);
    const int ends = p->turn == seen;
    pthread_mutex_unlock(&p->lock);
    if (ends) return 0;
    member(p->team.in, p->team.out, p->team.constants, p->team.workspace, &p->team, own.part);
    __atomic_add_fetch(&p->done_with, 1, __ATOMIC_RELEASE);
  }
}
/* A run by this thread, and by those that share with it. */
static int computed(struct places *p, struct job *job, char *workspace) {
  const void *const *in = (const void *const *)job->data;
  void *const *out = job->data + job->ins;
  if (p->shared == 0) return program(in, out, p->constants, workspace);
  p->team = (struct team){ in, out, p->constants, workspace, p->shared + 1, 0, 0, 0 };
  p->done_with = 0;
  pthread_mutex_lock(&p->lock);
  __atomic_add_fetch(&p->turn, 1, __ATOMIC_RELEASE);
  pthread_cond_broadcast(&p->begins);
  pthread_mutex_unlock(&p->lock);
  member(in, out, p->constants, workspace, &p->team, 0);
  while (__atomic_load_n(&p->done_with, __ATOMIC_ACQUIRE) < p->shared) PAUSE;
  return p->team.failed;
}
static void *work(void *given) {
  struct places *p = given;
  char *workspace = workspace_of(p);
  pthread_mutex_lock(&p->lock);
  for (;;) {
    if (!p->first && !p->ending && !p->looking) {
      p->looking = 1;
      look(p, -1);
      p->looking = 0;
    }
    while (!p->first && !p->ending) {
      p->idle++;
      pthread_cond_wait(&p->more, &p->lock);
      p->idle--;
    }
    struct job *job = p->first;
    if (!job) break;
    p->first = job->next;
    if (!p->first) p->last = 0;
    pthread_mutex_unlock(&p->lock);
    job->result = workspace ? computed(p, job, workspace) : 2;
    napi_call_threadsafe_function(p->done, job, napi_tsfn_nonblocking);
    pthread_mutex_lock(&p->lock);
  }
  pthread_mutex_unlock(&p->lock);
  free(workspace);
  return 0;
}
/* In the thread of JavaScript, which stays as long as something is awaited. */
static void settled(napi_env env, napi_value function, void *context, void *data) {
  struct places *p = context;
  struct job *job = data;
  if (env) {
    napi_value result = 0;
    napi_create_int32(env, job->result, &result);
    napi_resolve_deferred(env, job->deferred, result);
    napi_delete_reference(env, job->arrays);
    if (--p->pending == 0) napi_unref_threadsafe_function(env, p->done);
  }
  free(job);
}
/* Ends the threads, after the runs that they are at. */
static void ended(void *given) {
  struct places *p = given;
  if (p->closed) return;
  p->closed = 1;
  pthread_mutex_lock(&p->lock);
  p->ending = 1;
  while (p->first) {
    struct job *job = p->first;
    p->first = job->next;
    free(job);
  }
  pthread_cond_broadcast(&p->more);
  pthread_mutex_unlock(&p->lock);
  for (long n = 0; n < p->started; n++) pthread_join(p->threads[n], 0);
  pthread_mutex_lock(&p->lock);
  pthread_cond_broadcast(&p->begins);
  pthread_mutex_unlock(&p->lock);
  for (long n = 0; n < p->shared; n++) pthread_join(p->sharing[n], 0);
  free(p->constants);
  free(p->own);
}
static void close_places(napi_env env, struct places *p) {
  if (p->closed) return;
  napi_remove_env_cleanup_hook(env, ended, p);
  ended(p);
  napi_release_threadsafe_function(p->done, napi_tsfn_release);
}
static void collected(napi_env env, void *data, void *hint) {
  close_places(env, data);
  free(data);
}
/* open(constants, workspace bytes, places, threads): where runs are computed, so many at once, or one by so many threads; undefined where there is no memory for it */
static napi_value open_places(napi_env env, napi_callback_info info) {
  size_t count = 4, bytes = 0;
  int64_t workspace = 0, most = 1, threads = 1;
  void *constants = 0;
  napi_value given[4], name, result = 0;
  if (napi_get_cb_info(env, info, &count, given, 0, 0) != napi_ok || count != 4) return 0;
  if (napi_get_typedarray_info(env, given[0], 0, &bytes, &constants, 0, 0) != napi_ok) return 0;
  napi_get_value_int64(env, given[1], &workspace);
  napi_get_value_int64(env, given[2], &most);
  napi_get_value_int64(env, given[3], &threads);
  struct places *p = calloc(1, sizeof(struct places));
  if (!p) return 0;
  p->most = most < 1 ? 1 : most > MOST_PLACES ? MOST_PLACES : most;
  p->bytes = workspace;
  p->constants = aligned_alloc(64, (bytes / 64 + 1) * 64);
  napi_create_string_utf8(env, "innerloop", NAPI_AUTO_LENGTH, &name);
  if (!p->constants || napi_create_threadsafe_function(env, 0, 0, name, 0, 1, 0, 0, p, settled, &p->done) != napi_ok) {
    free(p->constants);
    free(p);
    return 0;
  }
  if (bytes > 0) memcpy(p->constants, constants, bytes);
  pthread_mutex_init(&p->lock, 0);
  pthread_cond_init(&p->more, 0);
  pthread_cond_init(&p->begins, 0);
  for (long part = 1; p->most == 1 && part < threads && part < MOST_PLACES; part++) {
    struct sharer *own = malloc(sizeof(struct sharer));
    if (!own) break;
    *own = (struct sharer){ p, part };
    if (pthread_create(&p->sharing[p->shared], 0, share, own) != 0) {
      free(own);
      break;
    }
    p->shared++;
  }
  napi_unref_threadsafe_function(env, p->done);
  napi_add_env_cleanup_hook(env, ended, p);
  napi_create_external(env, p, collected, 0, &result);
  return result;
}
static int data_of(napi_env env, napi_value list, uint32_t at, void **data) {
  napi_value array;
  return napi_get_element(env, list, at, &array) == napi_ok && napi_get_typedarray_info(env, array, 0, 0, data, 0, 0) == napi_ok;
}
/* The job of (places, inputs, outputs) that were given; 0 where they are something else, or there is no memory. */
static struct job *job_of(napi_env env, napi_callback_info info, napi_value *given, struct places **places) {
  size_t count = 3;
  uint32_t ins = 0, outs = 0;
  void *external = 0;
  if (napi_get_cb_info(env, info, &count, given, 0, 0) != napi_ok || count != 3) return 0;
  if (napi_get_value_external(env, given[0], &external) != napi_ok) return 0;
  struct places *p = *places = external;
  napi_get_array_length(env, given[1], &ins);
  napi_get_array_length(env, given[2], &outs);
  if (p->closed || ins > MOST_ARRAYS || outs > MOST_ARRAYS) return 0;
  struct job *job = calloc(1, sizeof(struct job) + (ins + outs) * sizeof(void *));
  if (!job) return 0;
  job->ins = ins;
  job->outs = outs;
  int known = 1;
  for (uint32_t k = 0; k < ins && known; k++) known = data_of(env, given[1], k, &job->data[k]);
  for (uint32_t k = 0; k < outs && known; k++) known = data_of(env, given[2], k, &job->data[ins + k]);
  if (known) return job;
  free(job);
  return 0;
}
/* run_here(places, inputs, outputs): 0, 1 or 2 as of run, computed by this thread */
static napi_value run_here(napi_env env, napi_callback_info info) {
  napi_value given[3], result = 0;
  struct places *p = 0;
  struct job *job = job_of(env, info, given, &p);
  if (!job) return 0;
  if (!p->own) p->own = workspace_of(p);
  const int status = p->own ? program((const void *const *)job->data, job->data + job->ins, p->constants, p->own) : 2;
  free(job);
  napi_create_int32(env, status, &result);
  return result;
}
/* run(places, inputs, outputs): a promise of 0, 1 where an index is out of range, or 2 where there is no memory */
static napi_value run(napi_env env, napi_callback_info info) {
  napi_value given[3], all, promise = 0;
  struct places *p = 0;
  struct job *job = job_of(env, info, given, &p);
  if (!job) return 0;
  napi_create_array_with_length(env, 3, &all);
  for (uint32_t k = 0; k < 3; k++) napi_set_element(env, all, k, given[k]);
  napi_create_reference(env, all, 1, &job->arrays);
  napi_create_promise(env, &job->deferred, &promise);
  if (p->pending++ == 0) napi_ref_threadsafe_function(env, p->done);
  pthread_mutex_lock(&p->lock);
  if (p->last) p->last->next = job;
  else p->first = job;
  p->last = job;
  long waiting = 0;
  for (const struct job *each = p->first; each; each = each->next) waiting++;
  if (waiting > p->idle + p->looking && p->started < p->most && pthread_create(&p->threads[p->started], 0, work, p) == 0) p->started++;
  else pthread_cond_signal(&p->more);
  if (p->started == 0) {
    /* The machine gives no thread. */
    p->first = p->last = 0;
    job->result = 2;
    napi_call_threadsafe_function(p->done, job, napi_tsfn_nonblocking);
  }
  pthread_mutex_unlock(&p->lock);
  return promise;
}
/* close(places), of which no run is awaited */
static napi_value close_all(napi_env env, napi_callback_info info) {
  size_t count = 1;
  void *external = 0;
  napi_value given[1];
  if (napi_get_cb_info(env, info, &count, given, 0, 0) == napi_ok && count == 1 && napi_get_value_external(env, given[0], &external) == napi_ok)
    close_places(env, external);
  return 0;
}
NAPI_MODULE_INIT() {
  const struct { const char *name; napi_callback call; } functions[] = { { "open", open_places }, { "run", run }, { "runHere", run_here }, { "close", close_all } };
  for (int n = 0; n < 4; n++) {
    napi_value function = 0;
    napi_create_function(env, functions[n].name, NAPI_AUTO_LENGTH, functions[n].call, 0, &function);
    napi_set_named_property(env, exports, functions[n].name, function);
  }
  return exports;
}
#endif
`;
