/** Plots as SVG: no background of their own, in colours that read on white and on black. */
import type { Results } from "./results.js";
import type { Sweep } from "./scaling.js";

/** Each at least 3 : 1 against white and against the black of dark pages; text at least 4 : 1. */
export const colors = {
  text: "#787878",
  grid: "#9a9a9a",
  ours: "#d6336c",
  torch: "#d9580b",
  torchLibraries: "#8d6e00",
  jax: "#2f7de0",
  javascript: "#2b8a3e",
} as const;

const families: readonly { readonly name: string; readonly color: string; readonly has: (key: string) => boolean }[] = [
  { name: "PyTorch", color: colors.torch, has: (key) => key.startsWith("torch-") },
  {
    name: "learn2learn, higher",
    color: colors.torchLibraries,
    has: (key) => key === "learn2learn" || key === "higher",
  },
  { name: "JAX", color: colors.jax, has: (key) => /^jax-(vmap|map|patches)$/.test(key) },
  { name: "jax-js, TensorFlow.js", color: colors.javascript, has: (key) => key === "jax-js" || key.startsWith("tfjs") },
];

const escaped = (text: string): string => text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");
const at = (value: number): string => value.toFixed(1);

function text(x: number, y: number, content: string, anchor = "start", extra = ""): string {
  return `<text x="${at(x)}" y="${at(y)}" text-anchor="${anchor}" fill="${colors.text}"${extra}>${escaped(content)}</text>`;
}

const line = (x1: number, y1: number, x2: number, y2: number, color: string, extra = ""): string =>
  `<line x1="${at(x1)}" y1="${at(y1)}" x2="${at(x2)}" y2="${at(y2)}" stroke="${color}"${extra}/>`;

const dot = (x: number, y: number, color: string, title: string): string =>
  `<circle cx="${at(x)}" cy="${at(y)}" r="4.5" fill="${color}" fill-opacity="0.9"><title>${escaped(title)}</title></circle>`;

function svg(width: number, height: number, label: string, parts: readonly string[]): string {
  const font = 'font-family="system-ui, sans-serif" font-size="12"';
  const open = `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" ${font} role="img">`;
  return `${[open, `<title>${escaped(label)}</title>`, ...parts, "</svg>"].join("\n")}\n`;
}

/** Every peer's time over ours, a row for each workload, on a logarithmic axis. */
export function speedPlot({ rows }: Results): string {
  const [left, right, top, step] = [250, 24, 44, 30];
  const [width, height] = [820, top + rows.length * step + 40];
  const ratios = rows.flatMap(({ peers }) => peers.map(({ ratio }) => ratio.median));
  const lowest = Math.min(1, ...ratios) / 1.2;
  const highest = Math.max(2, ...ratios) * 1.2;
  const x = (ratio: number): number =>
    left + (Math.log(ratio / lowest) / Math.log(highest / lowest)) * (width - left - right);
  const bottom = top + rows.length * step;
  const ticks = [0.5, 1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10000].filter(
    (tick) => tick >= lowest && tick <= highest,
  );
  // Close ticks share a label's room.
  const spaced = ticks.filter((tick, i) => i === 0 || tick === 1 || x(tick) - x(ticks[i - 1]!) > 26 || tick % 10 === 0);
  const parts = [
    ...spaced.flatMap((tick) => [
      line(
        x(tick),
        top - 6,
        x(tick),
        bottom,
        tick === 1 ? colors.ours : colors.grid,
        tick === 1 ? "" : ' stroke-opacity="0.35"',
      ),
      text(x(tick), bottom + 16, `${tick}`, "middle"),
    ]),
    text((left + width - right) / 2, bottom + 34, "times our time (1 = innerloop; to the right is slower)", "middle"),
    ...families.flatMap(({ name, color }, i) => {
      const place = 130 + i * 170;
      return [dot(place, 16, color, name), text(place + 9, 20, name)];
    }),
    ...rows.flatMap(({ name, peers }, i) => {
      const y = top + (i + 0.5) * step;
      return [
        text(left - 12, y + 4, name, "end"),
        ...peers.map((peer) => {
          const color = families.find(({ has }) => has(peer.key))?.color ?? colors.text;
          return dot(x(peer.ratio.median), y, color, `${peer.name}: ${peer.ratio.median.toFixed(2)}`);
        }),
      ];
    }),
  ];
  return svg(width, height, "Time of a meta-step in other libraries, as a multiple of innerloop's", parts);
}

/** Cost against tasks, inner steps, shots and width, with the fitted lines. */
export function scalingPlot(sweeps: readonly Sweep[]): string {
  const [panelWidth, panelHeight, left, top] = [400, 250, 52, 34];
  const columns = 2;
  const height = Math.ceil(sweeps.length / columns) * panelHeight;
  const parts = sweeps.flatMap(({ title, unit, series }, i) => {
    const [ox, oy] = [(i % columns) * panelWidth + left, Math.floor(i / columns) * panelHeight + top];
    const [w, h] = [panelWidth - left - 20, panelHeight - top - 46];
    const points = series.flatMap((one) => one.points);
    const [mostX, mostY] = [0, 1].map((axis) => 1.08 * Math.max(...points.map((point) => point[axis]!))) as [
      number,
      number,
    ];
    const x = (value: number): number => ox + (value / mostX) * w;
    const y = (value: number): number => oy + h - (value / mostY) * h;
    const tickStep = (most: number): number => {
      const rough = most / 4;
      const power = 10 ** Math.floor(Math.log10(rough));
      return power * [1, 2, 5, 10].find((factor) => factor * power >= rough)!;
    };
    const ticks = (most: number): number[] => {
      const step = tickStep(most);
      return Array.from({ length: Math.floor(most / step) + 1 }, (_, k) => Number((k * step).toPrecision(6)));
    };
    return [
      text(ox, oy - 12, `Milliseconds against ${title}`, "start", ' font-weight="600"'),
      ...ticks(mostY).flatMap((tick) => [
        line(ox, y(tick), ox + w, y(tick), colors.grid, ' stroke-opacity="0.35"'),
        text(ox - 6, y(tick) + 4, `${tick}`, "end"),
      ]),
      ...ticks(mostX).map((tick) => text(x(tick), oy + h + 16, `${tick}`, "middle")),
      text(ox + w / 2, oy + h + 33, unit, "middle"),
      ...series.flatMap(({ name, points: own, line: fit }, k) => {
        const color = k === 0 ? colors.ours : colors.jax;
        const end = Math.max(...own.map(([value]) => value));
        const start = Math.max(0, -fit.intercept / fit.slope);
        return [
          line(
            x(start),
            y(Math.max(0, fit.intercept)),
            x(end),
            y(fit.intercept + fit.slope * end),
            color,
            ' stroke-width="1.5"',
          ),
          ...own.map(([value, ms]) =>
            dot(x(value), y(ms), color, `${name}: ${ms.toFixed(1)} ms at ${value.toFixed(1)}`),
          ),
          text(ox + 8, oy + 12 + 15 * k, `${name}, R² ${fit.r2.toFixed(4)}`).replace(colors.text, color),
        ];
      }),
    ];
  });
  return svg(columns * panelWidth, height, "Cost of a meta-step against tasks, inner steps, shots and width", parts);
}
