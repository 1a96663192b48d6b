/** What makes a program a module of Node: the call with typed arrays. */
export const moduleGlue = `
#define NAPI_VERSION 8
#include <node_api.h>
#define MOST_ARRAYS 65536
static void *data_of(napi_env env, napi_value list, uint32_t at) {
  napi_value array;
  void *data = 0;
  if (napi_get_element(env, list, at, &array) == napi_ok) napi_get_typedarray_info(env, array, 0, 0, &data, 0, 0);
  return data;
}
/* run(inputs, outputs, [constants, workspace], threads): 0, or 1 where an index is out of range */
static napi_value run(napi_env env, napi_callback_info info) {
  size_t count = 4;
  napi_value given[4], result = 0;
  int32_t threads = 1;
  uint32_t ins = 0, outs = 0;
  if (napi_get_cb_info(env, info, &count, given, 0, 0) != napi_ok || count != 4) return 0;
  napi_get_array_length(env, given[0], &ins);
  napi_get_array_length(env, given[1], &outs);
  if (ins > MOST_ARRAYS || outs > MOST_ARRAYS) return 0;
  const void *in[ins + 1];
  void *out[outs + 1];
  for (uint32_t k = 0; k < ins; k++) in[k] = data_of(env, given[0], k);
  for (uint32_t k = 0; k < outs; k++) out[k] = data_of(env, given[1], k);
  const char *constants = data_of(env, given[2], 0);
  char *workspace = data_of(env, given[2], 1);
  workspace += (64 - (uintptr_t)workspace % 64) % 64;
  napi_get_value_int32(env, given[3], &threads);
  napi_create_int32(env, program(in, out, constants, workspace, threads), &result);
  return result;
}
NAPI_MODULE_INIT() {
  napi_value function = 0;
  napi_create_function(env, "run", 3, run, 0, &function);
  return function;
}
`;
