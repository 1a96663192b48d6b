/** What stands before the functions of a program in C: types of numbers and vectors, and elementwise functions of them. */
import type { NativeTarget } from "./target.js";

const library = `#include <string.h>
#include <math.h>`;

/**
 * What stands for a C library: functions of double that whoever runs the program gives, those of float by way of them. erf to
 * double precision: its Maclaurin series for small x, a continued fraction of erfc for large.
 */
const ownLibrary = `#define memcpy __builtin_memcpy
#define memset __builtin_memset
#define fabs __builtin_fabs
#define fabsf __builtin_fabsf
#define INFINITY __builtin_inff()
#define NAN __builtin_nanf("")
${["exp", "log", "tanh", "sin", "cos"].map((name) => `double ${name}(double); static inline float ${name}f(float x) { return ${name}(x); }`).join("\n")}
double pow(double, double); static inline float powf(float a, float b) { return pow(a, b); }
static __attribute__((noinline)) double erf(double x) {
  const double a = fabs(x), root = 1.7724538509055160273;
  if (x != x) return x;
  if (a > 6) return x < 0 ? -1 : 1;
  double result;
  if (a < 2.5) {
    double term = a, sum = a;
    for (int n = 1; n < 100 && fabs(term) > 1e-18 * sum; n++) { term *= -a * a / n; sum += term / (2 * n + 1); }
    result = 2 * sum / root;
  } else {
    double tail = a;
    for (int n = 120; n >= 1; n--) tail = a + n / 2.0 / tail;
    result = 1 - exp(-a * a) / (root * tail);
  }
  return __builtin_copysign(result, x);
}
static inline float erff(float x) { return erf(x); }`;

const head = (freestanding: boolean): string => `#include <stdint.h>
${freestanding ? ownLibrary : library}
typedef float f; typedef double d; typedef int32_t i; typedef int64_t l; typedef int32_t m;
`;

/** Elementwise functions of a number type or vector type `S`; `M` is the type of its comparisons, all bits set where true. */
const functions = (S: string, M: string, lanes: number): string => {
  const vector = lanes > 1;
  const each = (name: string, of: string): string =>
    vector
      ? `static inline ${S} ${name}_${S}(${S} x) { ${S} r; for (int n = 0; n < ${lanes}; n++) r[n] = ${of}(x[n]); return r; }`
      : `static inline ${S} ${name}_${S}(${S} x) { return ${of}(x); }`;
  const suffix = S === "f" || S === "vf" ? "f" : "";
  const compare = (name: string, operator: string): string =>
    `static inline ${M} ${name}_${S}(${S} a, ${S} b) { return ${vector ? "" : "-"}(a ${operator} b); }`;
  const isFloat = "fd".includes(S.at(-1)!);
  const select = vector
    ? `static inline ${S} select_${S}(${M} c, ${S} a, ${S} b) { return (${S})((c & (${M})a) | (~c & (${M})b)); }`
    : `static inline ${S} select_${S}(${M} c, ${S} a, ${S} b) { return c ? a : b; }`;
  const lines = [
    ...(vector
      ? [`static inline ${S} splat_${S}(${S.slice(1)} x) { return x - (${S}){0}; }`]
      : [`static inline ${S} splat_${S}(${S} x) { return x; }`]),
    select,
    compare("less", "<"),
    compare("lessEqual", "<="),
    compare("greater", ">"),
    compare("greaterEqual", ">="),
    compare("equal", "=="),
    `static inline ${S} max_${S}(${S} a, ${S} b) { return select_${S}(greater_${S}(a, b) | ~equal_${S}(a, a), a, b); }`,
    `static inline ${S} min_${S}(${S} a, ${S} b) { return select_${S}(less_${S}(a, b) | ~equal_${S}(a, a), a, b); }`,
    `static inline ${S} larger_${S}(${S} a, ${S} b) { return select_${S}(greater_${S}(b, a) | ~equal_${S}(b, b), b, a); }`,
    `static inline ${S} abs_${S}(${S} x) { return ${isFloat ? (vector ? `(${S})((${M})x & ~(${M})splat_${S}(-0.0))` : `fabs${suffix}(x)`) : `select_${S}(less_${S}(x, splat_${S}(0)), -x, x)`}; }`,
    `static inline ${S} sign_${S}(${S} x) { return select_${S}(greater_${S}(x, splat_${S}(0)), splat_${S}(1), select_${S}(less_${S}(x, splat_${S}(0)), splat_${S}(-1), x)); }`,
  ];
  if (!isFloat) {
    return [
      ...lines,
      vector
        ? `static inline ${S} mod_${S}(${S} a, ${S} b) { ${S} r; for (int n = 0; n < ${lanes}; n++) { r[n] = b[n] == 0 ? 0 : a[n] % b[n]; if (r[n] != 0 && (r[n] < 0) != (b[n] < 0)) r[n] += b[n]; } return r; }`
        : `static inline ${S} mod_${S}(${S} a, ${S} b) { ${S} r = b == 0 ? 0 : a % b; return r != 0 && (r < 0) != (b < 0) ? r + b : r; }`,
    ].join("\n");
  }
  return [
    ...lines,
    each("floor", `__builtin_floor${suffix}`),
    each("sqrt", `__builtin_sqrt${suffix}`),
    // In vectors of float32 these are polynomials; all else is the C library's, number by number.
    ...(S === "vf"
      ? [polynomials, widened(lanes)]
      : ["exp", "log", "tanh", "erf", "sin", "cos"].map((name) => each(name, `${name}${suffix}`))),
    `static inline ${S} relu_${S}(${S} x) { return select_${S}(lessEqual_${S}(x, splat_${S}(0)), splat_${S}(0), x); }`,
    `static inline ${S} step_${S}(${S} x) { return select_${S}(greater_${S}(x, splat_${S}(0)), splat_${S}(1), splat_${S}(0)); }`,
    `static inline ${S} sigmoid_${S}(${S} x) { ${S} e = exp_${S}(-abs_${S}(x)); return select_${S}(less_${S}(x, splat_${S}(0)), e, splat_${S}(1)) / (1 + e); }`,
    `static inline ${S} mod_${S}(${S} a, ${S} b) { return a - floor_${S}(a / b) * b; }`,
    ...(S === "vf"
      ? []
      : [
          vector
            ? `static inline ${S} pow_${S}(${S} a, ${S} b) { ${S} r; for (int n = 0; n < ${lanes}; n++) r[n] = pow${suffix}(a[n], b[n]); return r; }`
            : `static inline ${S} pow_${S}(${S} a, ${S} b) { return pow${suffix}(a, b); }`,
        ]),
  ].join("\n");
};

/**
 * erf, sin, cos and pow of vectors of float32, within 2 units in the last place (pow 4).
 *
 * sin and cos: x less the nearest multiple of pi / 2, taken in double with pi / 2 in two parts (fdlibm, Sun 1993), and polynomials
 * of what is left (Cephes, Moshier 1992). erf x = x + x P(x^2) near 0 and 1 - e^Q(|x|) beyond, by minimax polynomials
 * (Juffa 2013). a^b = e^(b log a) in double: log of a's fraction m as 2 artanh((m - 1) / (m + 1)) and e^r, |r| <= log 2 / 2, by their
 * series, whose rests are below 2^-34 and 2^-27. A vector with numbers that these do not reach - sin and cos beyond 2^18, pow of
 * zeros, negative numbers or what is not finite - is the C library's, number by number.
 */
const widened = (lanes: number): string => {
  const half = `vf${lanes / 2}`;
  const halves = (lines: string): string => `for (int h = 0; h < 2; h++) {\n${lines}\n}`;
  const read = (to: string, from: string): string =>
    `${half} ${to}_; memcpy(&${to}_, (const char *)&${from} + h * sizeof ${to}_, sizeof ${to}_); const vd ${to} = __builtin_convertvector(${to}_, vd);`;
  const write = (to: string, from: string): string =>
    `{ const ${half} part = __builtin_convertvector(${from}, ${half}); memcpy((char *)&${to} + h * sizeof part, &part, sizeof part); }`;
  const circular = (name: string, turn: number): string => `static inline vf ${name}_vf(vf x) {
  if (any_vi(~less_vf(abs_vf(x), splat_vf(262144.0f)))) { vf r; for (int n = 0; n < ${lanes}; n++) r[n] = ${name}f(x[n]); return r; }
  vf r, count;
  ${halves(`${read("a", "x")}
  const vd n = (a * 0.63661977236758134308 + 6755399441055744.0) - 6755399441055744.0;
  const vd left = (a - n * 1.57079632673412561417e+00) - n * 6.07710050650619224932e-11;
  ${write("r", "left")}
  ${write("count", "n")}`)}
  const vi quadrant = __builtin_convertvector(count, vi)${turn > 0 ? ` + ${turn}` : ""};
  const vf z = r * r;
  const vf sine = r + r * z * (-1.6666654611e-1f + z * (8.3321608736e-3f + z * -1.9515295891e-4f));
  const vf cosine = (1.0f - 0.5f * z) + z * z * (4.166664568298827e-2f + z * (-1.388731625493765e-3f + z * 2.443315711809948e-5f));
  const vf y = select_vf((quadrant & 1) != 0, cosine, sine);
  return select_vf((quadrant & 2) != 0, -y, y);
}`;
  return `static inline int any_vi(vi x) { int any = 0; for (int n = 0; n < ${lanes}; n++) any |= x[n]; return any; }
${circular("sin", 0)}
${circular("cos", 1)}
static inline vf erf_vf(vf x) {
  const vf a = abs_vf(x), z = x * x;
  vf far = a * -1.72853470e-5f + 3.83197126e-4f;
  far = far * z + (a * -3.88396438e-3f + 2.42546219e-2f);
  far = far * a - 1.06777877e-1f;
  far = far * a - 6.34846687e-1f;
  far = far * a - 1.28717512e-1f;
  far = 1.0f - exp_vf(far * a - a);
  vf near = z * -5.96761703e-4f + 4.99119423e-3f;
  near = near * z - 2.67681349e-2f;
  near = near * z + 1.12819925e-1f;
  near = near * z - 3.76125336e-1f;
  near = near * z + 1.28379166e-1f;
  const vf y = select_vf(greater_vf(a, splat_vf(0.927734375f)), select_vf(greater_vf(a, splat_vf(4.0f)), splat_vf(1.0f), far), near * a + a);
  return select_vf(equal_vf(x, x), (vf)((vi)y | ((vi)x & (vi)splat_vf(-0.0f))), x);
}
static inline vf pow_vf(vf a, vf b) {
  const vi plain = greaterEqual_vf(a, splat_vf(1.17549435e-38f)) & less_vf(a, splat_vf(__builtin_inff())) & less_vf(abs_vf(b), splat_vf(__builtin_inff()));
  if (any_vi(~plain)) { vf r; for (int n = 0; n < ${lanes}; n++) r[n] = powf(a[n], b[n]); return r; }
  /* a = 2^e m, m from the root of 1/2 on */
  const vi bits = (vi)a - 0x3f3504f3;
  const vf fraction = (vf)((vi)a - (bits & ~0x007fffff)), exponent = __builtin_convertvector(bits >> 23, vf);
  vf r, count;
  ${halves(`${read("m", "fraction")}
  ${read("e", "exponent")}
  ${read("by", "b")}
  const vd s = (m - 1.0) / (m + 1.0), z = s * s;
  const vd log = e * 0.69314718055994530942 + 2.0 * s * (1.0 + z * (1.0 / 3 + z * (1.0 / 5 + z * (1.0 / 7 + z * (1.0 / 9 + z * (1.0 / 11 + z * (1.0 / 13)))))));
  vd power = by * log;
  power = max_vd(min_vd(power, splat_vd(90.0)), splat_vd(-110.0));
  const vd n = (power * 1.44269504088896340736 + 6755399441055744.0) - 6755399441055744.0;
  const vd x = power - n * 0.69314718055994530942;
  const vd y = 1.0 + x * (1.0 + x * (1.0 / 2 + x * (1.0 / 6 + x * (1.0 / 24 + x * (1.0 / 120 + x * (1.0 / 720 + x * (1.0 / 5040)))))));
  ${write("r", "y")}
  ${write("count", "n")}`)}
  const vi k = __builtin_convertvector(count, vi), half = k >> 1;
  return r * (vf)((half + 127) << 23) * (vf)((k - half + 127) << 23);
}`;
};

/**
 * exp, log and tanh of vectors of float32, within 2 units in the last place.
 *
 * exp x = 2^n e^r with r = x - n log 2 in two parts (Cody & Waite 1980) and e^r by its Taylor series to r^7, whose rest is below
 * 2^-27; 2^n in two factors, so that results below the normal numbers are reached. log x and tanh x by the minimax polynomials
 * of fdlibm (Sun 1993) and Cephes (Moshier 1992).
 */
const polynomials = `static inline vf exp_vf(vf x) {
  x = select_vf(greater_vf(x, splat_vf(89.0f)), splat_vf(89.0f), x);
  x = select_vf(less_vf(x, splat_vf(-105.0f)), splat_vf(-105.0f), x);
  const vf turn = x * 1.44269504f + 12582912.0f;
  const vf n = turn - 12582912.0f;
  const vf r = (x - n * 0.693145752f) - n * 1.42860677e-6f;
  const vf p = 1.0f + r * (1.0f + r * (0.5f + r * (0.166666667f + r * (0.0416666667f + r * (0.00833333333f + r * (0.00138888889f + r * 0.000198412698f))))));
  const vi k = __builtin_convertvector(select_vf(equal_vf(n, n), n, splat_vf(0)), vi);
  const vi half = k >> 1;
  return p * (vf)((half + 127) << 23) * (vf)((k - half + 127) << 23);
}
static inline vf log_vf(vf x) {
  const vi small = less_vf(x, splat_vf(1.17549435e-38f));
  const vf y = select_vf(small, x * 8388608.0f, x);
  const vi bits = (vi)y + (0x3f800000 - 0x3f3504f3);
  const vf k = __builtin_convertvector((bits >> 23) - 127 - (small & 23), vf);
  const vf f_ = (vf)((bits & 0x007fffff) + 0x3f3504f3) - 1.0f;
  const vf s = f_ / (2.0f + f_), z = s * s, w = z * z;
  const vf rest = w * (0.40000972152f + w * 0.24279078841f) + z * (0.66666662693f + w * 0.28498786688f);
  const vf square = 0.5f * f_ * f_;
  const vf result = k * 0.69313812256f - ((square - (s * (square + rest) + k * 9.0580006145e-6f)) - f_);
  const vf special = select_vf(equal_vf(x, splat_vf(0)), splat_vf(-__builtin_inff()), select_vf(less_vf(x, splat_vf(0)), splat_vf(__builtin_nanf("")), x));
  return select_vf(greater_vf(x, splat_vf(0)) & less_vf(x, splat_vf(__builtin_inff())), result, special);
}
static inline vf tanh_vf(vf x) {
  const vf a = abs_vf(x), z = x * x;
  const vf near = x + x * z * (-0.333332819422f + z * (0.133314422036f + z * (-0.0537397155531f + z * (0.0206390887954f + z * -0.00570498872745f))));
  const vf far = 1.0f - 2.0f / (exp_vf(a + a) + 1.0f);
  return select_vf(less_vf(a, splat_vf(0.625f)), near, select_vf(less_vf(x, splat_vf(0)), -far, far));
}`;

/** Halves of a vector joined until one number is left: always in this order. */
const joins = (S: string, element: string, lanes: number): string => {
  const join = (name: string, joined: (a: string, b: string) => string): string => {
    const lines = [`${element} r[${lanes}]; memcpy(r, &x, sizeof r);`];
    for (let half = lanes / 2; half >= 1; half /= 2)
      lines.push(`for (int n = 0; n < ${half}; n++) r[n] = ${joined("r[n]", `r[n + ${half}]`)};`);
    return `static inline ${element} ${name}_${S}(${S} x) { ${lines.join(" ")} return r[0]; }`;
  };
  const single = { vf: "f", vd: "d", vi: "i", vl: "l" }[S];
  return [join("sum", (a, b) => `${a} + ${b}`), join("largest", (a, b) => `larger_${single}(${a}, ${b})`)].join("\n");
};

const memory = (S: string, element: string, bytes: number, lanes: number, masked?: MaskedMemory): string => `
static inline ${S} load_${S}(const ${element} *p) { ${S} r; memcpy(&r, p, ${bytes}); return r; }
${
  masked
    ? `#ifdef __AVX512F__
static inline ${S} some_${S}(const ${element} *p, int n) { return (${S})__builtin_ia32_${masked.load}(p, (${S}){0}, (${masked.mask})((1u << n) - 1)); }
static inline void store_${S}(${element} *p, ${S} x, int n) { if (n == ${lanes}) memcpy(p, &x, ${bytes}); else __builtin_ia32_${masked.store}(p, x, (${masked.mask})((1u << n) - 1)); }
#else`
    : ""
}
static inline ${S} some_${S}(const ${element} *p, int n) { ${S} r = {0}; memcpy(&r, p, n * sizeof(${element})); return r; }
static inline void store_${S}(${element} *p, ${S} x, int n) { memcpy(p, &x, n * sizeof(${element})); }
${masked ? "#endif" : ""}
static inline ${S} keep_${S}(${S} x, ${S} rest, int n) { for (int k = n; k < ${lanes}; k++) x[k] = rest[k]; return x; }`;

/** Instructions of AVX-512 that read and write the first numbers of a vector; without them a vector goes through memory. */
interface MaskedMemory {
  readonly load: string;
  readonly store: string;
  readonly mask: string;
}
const maskedFloats: MaskedMemory = { load: "loadups512_mask", store: "storeups512_mask", mask: "unsigned short" };
const maskedDoubles: MaskedMemory = { load: "loadupd512_mask", store: "storeupd512_mask", mask: "unsigned char" };

const bools = (S: string): string => `
static inline ${S} loadb_${S}(const uint8_t *p, int n) { ${S} r = {0}; for (int k = 0; k < n; k++) r[k] = -(p[k] != 0); return r; }
static inline void storeb_${S}(uint8_t *p, ${S} x, int n) { for (int k = 0; k < n; k++) p[k] = x[k] & 1; }`;

/** The head of a program for a kind of processor. */
export function prelude({ vectorBytes, freestanding }: NativeTarget): string {
  const [w, h] = [vectorBytes / 4, vectorBytes / 8];
  const vectors = [
    ["vf", "float"],
    ["vi", "int32_t"],
    ["vd", "double"],
    ["vl", "int64_t"],
  ].map(([name, element]) => `typedef ${element} ${name} __attribute__((vector_size(${vectorBytes})));`);
  const parts: string[] = [];
  for (let bytes = vectorBytes / 2; bytes >= 8; bytes /= 2) {
    parts.push(`typedef float vf${bytes / 4} __attribute__((vector_size(${bytes})));`);
    if (bytes >= 16) parts.push(`typedef double vd${bytes / 8} __attribute__((vector_size(${bytes})));`);
  }
  return [
    head(freestanding === true),
    ...vectors,
    ...parts,
    ...["f", "d", "i", "l"].map((S) => functions(S, "m", 1)),
    "static inline m select_m(m c, m a, m b) { return c ? a : b; }\nstatic inline m equal_m(m a, m b) { return ~(a ^ b); }\nstatic inline m splat_m(m x) { return x; }",
    functions("vi", "vi", w),
    functions("vd", "vl", h),
    functions("vl", "vl", h),
    functions("vf", "vi", w),
    joins("vf", "float", w),
    joins("vi", "int32_t", w),
    joins("vd", "double", h),
    joins("vl", "int64_t", h),
    memory("vf", "float", vectorBytes, w, maskedFloats),
    memory("vi", "int32_t", vectorBytes, w),
    memory("vd", "double", vectorBytes, h, maskedDoubles),
    memory("vl", "int64_t", vectorBytes, h),
    bools("vi"),
    bools("vl"),
  ].join("\n");
}
