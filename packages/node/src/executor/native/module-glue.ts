/** What makes a program a module of Node: calls with typed arrays. */
export const moduleGlue = `
#if PART == 0
#define NAPI_VERSION 8
#include <node_api.h>
#include <stdlib.h>
#define MOST_ARRAYS 65536
struct run { uint32_t ins, outs; const char *constants; char *workspace; int32_t threads, result; napi_async_work work; napi_deferred deferred; napi_ref arrays; void *data[]; };
static void *data_of(napi_env env, napi_value list, uint32_t at) {
  napi_value array;
  void *data = 0;
  if (napi_get_element(env, list, at, &array) == napi_ok) napi_get_typedarray_info(env, array, 0, 0, &data, 0, 0);
  return data;
}
/* The arrays of (inputs, outputs, [constants, workspace], threads); null where they are something else. */
static struct run *given_run(napi_env env, const napi_value *given) {
  uint32_t ins = 0, outs = 0;
  napi_get_array_length(env, given[0], &ins);
  napi_get_array_length(env, given[1], &outs);
  if (ins > MOST_ARRAYS || outs > MOST_ARRAYS) return 0;
  struct run *r = calloc(1, sizeof(struct run) + (ins + outs) * sizeof(void *));
  if (!r) return 0;
  r->ins = ins;
  r->outs = outs;
  r->threads = 1;
  for (uint32_t k = 0; k < ins; k++) r->data[k] = data_of(env, given[0], k);
  for (uint32_t k = 0; k < outs; k++) r->data[ins + k] = data_of(env, given[1], k);
  r->constants = data_of(env, given[2], 0);
  r->workspace = data_of(env, given[2], 1);
  r->workspace += (64 - (uintptr_t)r->workspace % 64) % 64;
  napi_get_value_int32(env, given[3], &r->threads);
  return r;
}
static void execute(napi_env env, void *data) {
  struct run *r = data;
  r->result = program((const void *const *)r->data, r->data + r->ins, r->constants, r->workspace, r->threads);
}
/* run(inputs, outputs, memory, threads): 0, or 1 where an index is out of range */
static napi_value run(napi_env env, napi_callback_info info) {
  size_t count = 4;
  napi_value given[4], result = 0;
  if (napi_get_cb_info(env, info, &count, given, 0, 0) != napi_ok || count != 4) return 0;
  struct run *r = given_run(env, given);
  if (!r) return 0;
  execute(env, r);
  napi_create_int32(env, r->result, &result);
  free(r);
  return result;
}
static void completed(napi_env env, napi_status status, void *data) {
  struct run *r = data;
  napi_value result = 0;
  napi_create_int32(env, status == napi_ok ? r->result : 2, &result);
  napi_resolve_deferred(env, r->deferred, result);
  napi_delete_reference(env, r->arrays);
  napi_delete_async_work(env, r->work);
  free(r);
}
/* The same in another thread: a promise. The arrays stay until it is done. */
static napi_value run_aside(napi_env env, napi_callback_info info) {
  size_t count = 4;
  napi_value given[4], all, name, promise = 0;
  if (napi_get_cb_info(env, info, &count, given, 0, 0) != napi_ok || count != 4) return 0;
  struct run *r = given_run(env, given);
  if (!r) return 0;
  napi_create_array_with_length(env, 3, &all);
  for (uint32_t k = 0; k < 3; k++) napi_set_element(env, all, k, given[k]);
  napi_create_reference(env, all, 1, &r->arrays);
  napi_create_string_utf8(env, "run", NAPI_AUTO_LENGTH, &name);
  napi_create_promise(env, &r->deferred, &promise);
  napi_create_async_work(env, 0, name, execute, completed, r, &r->work);
  napi_queue_async_work(env, r->work);
  return promise;
}
NAPI_MODULE_INIT() {
  napi_value function = 0;
  napi_create_function(env, "run", 3, run, 0, &function);
  napi_set_named_property(env, exports, "run", function);
  napi_create_function(env, "runAside", 8, run_aside, 0, &function);
  napi_set_named_property(env, exports, "runAside", function);
  return exports;
}
#endif
`;
