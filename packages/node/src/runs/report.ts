/** report.html: a run on one page that needs nothing but a browser. */
import { join } from "node:path";
import type { Evaluation } from "innerloop";
import { type RunEvent, readEvents } from "./event-log.js";
import { figureNameOf, figureNamesOf, figureTitle, isShare, resultsCells } from "./results-cells.js";
import { type RunFolder, writeRunFile } from "./run-folder.js";

type Point = readonly [iteration: number, value: number];

/** Points of a curve: more than the picture has columns would only overlap. */
const columnsOfCurve = 400;
const [width, height, left, bottom] = [760, 300, 56, 32];

/** Writes report.html from the run's events and an evaluation. */
export async function writeReport(
  run: RunFolder,
  evaluations: readonly Evaluation[],
  notes: readonly string[],
): Promise<void> {
  const html = reportPage(run, await readEvents(run.eventFile), evaluations, notes);
  await writeRunFile(join(run.path, "report.html"), html);
}

/** The page report.html of a run. */
export function reportPage(
  run: Pick<RunFolder, "config">,
  events: readonly RunEvent[],
  evaluations: readonly Evaluation[],
  notes: readonly string[],
): string {
  const name = figureNameOf(evaluations[0]);
  const training = averaged(
    events.flatMap((event) => pointOf(event, event.type === "iteration" ? figureOf(event, name) : undefined)),
  );
  const validation = events.flatMap((event) =>
    pointOf(event, event.type === "validation" ? lastFigureOf(event, name) : undefined),
  );
  const { config } = run;
  const title = `innerloop: ${config.experiment}`;
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>${escaped(title)}</title>
<style>
:root { color-scheme: light dark; --line: #1f6f5c; --mark: #c2591a; --soft: #8886; }
body { font: 16px/1.5 system-ui, sans-serif; max-width: 800px; margin: 2rem auto; padding: 0 1rem; }
table { border-collapse: collapse; margin-bottom: 1rem; } td, th { padding: .3rem .8rem; text-align: right; border-bottom: 1px solid var(--soft); }
td:first-child, th:first-child { text-align: left; } svg { width: 100%; height: auto; } svg text { font-size: 12px; fill: currentColor; }
code, pre { font-size: .85em; overflow-wrap: anywhere; white-space: pre-wrap; } .training { color: var(--line); } .validation { color: var(--mark); }
</style>
</head>
<body>
<h1>${escaped(title)}</h1>
<h2>Results</h2>
${figureNamesOf(evaluations[0])
  .map((each) => resultsHtml(evaluations, each))
  .join("\n")}
${notes.map((note) => `<p>${escaped(note)}.</p>`).join("\n")}
<h2>Learning curve</h2>
<p><span class="training">&#9632;</span> ${name} of training tasks after adaptation${validation.length > 0 ? `, <span class="validation">&#9632;</span> of validation tasks` : ""}</p>
${curve(training, validation, name)}
<h2>Made by</h2>
<pre>${escaped(config.command)}</pre>
<p>${escaped(
    Object.entries(config.versions)
      .map(([part, version]) => `${part} ${version}`)
      .join(", "),
  )}; ${escaped(config.created)}</p>
<details><summary>All options</summary><pre>${escaped(JSON.stringify(config.options, null, 2))}</pre></details>
</body>
</html>
`;
}

const pointOf = (event: RunEvent, value: number | undefined): Point[] =>
  event.iteration !== undefined && value !== undefined && Number.isFinite(value) ? [[event.iteration, value]] : [];

function figureOf(event: RunEvent, name: string): number | undefined {
  const metrics = Object(event.metrics) as Record<string, unknown>;
  const value = name === "loss" ? event.loss : metrics[name];
  return typeof value === "number" ? value : undefined;
}

function lastFigureOf(event: RunEvent, name: string): number | undefined {
  // A line of events.jsonl may hold anything.
  const { rows } = Object(event.evaluation) as { rows?: unknown };
  const { figures } = Object(Array.isArray(rows) ? rows.at(-1) : undefined) as { figures?: unknown };
  const { mean } = Object((Object(figures) as Record<string, unknown>)[name]) as { mean?: unknown };
  return typeof mean === "number" ? mean : undefined;
}

function averaged(points: readonly Point[]): Point[] {
  const size = Math.max(1, Math.ceil(points.length / columnsOfCurve));
  const groups = Array.from({ length: Math.ceil(points.length / size) }, (_, i) =>
    points.slice(i * size, (i + 1) * size),
  );
  return groups.map((group) => [group.at(-1)![0], group.reduce((sum, [, value]) => sum + value, 0) / group.length]);
}

function curve(training: readonly Point[], validation: readonly Point[], name: string): string {
  const all = [...training, ...validation];
  if (all.length < 2) return "<p>There are too few updates for a curve.</p>";
  const last = Math.max(...all.map(([iteration]) => iteration));
  const values = all.map(([, value]) => value);
  const low = name === "accuracy" ? Math.min(...values) : 0;
  const high = Math.max(...values, low + 1e-9);
  const x = (iteration: number): number => left + ((width - left - 8) * iteration) / last;
  const y = (value: number): number => 8 + (height - bottom - 8) * (1 - (value - low) / (high - low));
  const ticks = [0, 0.25, 0.5, 0.75, 1].map((share) => low + share * (high - low));
  const shown = (value: number): string =>
    name === "accuracy" ? `${(100 * value).toFixed(0)}%` : value.toPrecision(3);
  const path = (points: readonly Point[]): string =>
    points.map(([iteration, value]) => `${x(iteration).toFixed(1)},${y(value).toFixed(1)}`).join(" ");
  return [
    `<svg viewBox="0 0 ${width} ${height}" role="img" aria-label="${name} by update">`,
    ...ticks.map(
      (value) =>
        `<line x1="${left}" x2="${width - 8}" y1="${y(value)}" y2="${y(value)}" stroke="var(--soft)"/><text x="${left - 8}" y="${y(value) + 4}" text-anchor="end">${shown(value)}</text>`,
    ),
    ...[0, 0.5, 1].map(
      (share) =>
        `<text x="${x(share * last)}" y="${height - 10}" text-anchor="${share === 1 ? "end" : "middle"}">${Math.round(share * last).toLocaleString("en")}</text>`,
    ),
    `<polyline points="${path(training)}" fill="none" stroke="var(--line)" stroke-width="1.5"/>`,
    ...(validation.length > 0
      ? [`<polyline points="${path(validation)}" fill="none" stroke="var(--mark)" stroke-width="1.5"/>`]
      : []),
    ...validation.map(
      ([iteration, value]) =>
        `<circle cx="${x(iteration).toFixed(1)}" cy="${y(value).toFixed(1)}" r="3" fill="var(--mark)"/>`,
    ),
    "</svg>",
  ].join("\n");
}

function resultsHtml(evaluations: readonly Evaluation[], name: string): string {
  const { header, rows } = resultsCells(evaluations, name);
  const shown = (value: number): string => (isShare(name) ? (100 * value).toFixed(1) : value.toPrecision(3));
  const lines = rows.map(({ method, figures }) => {
    const cells = figures.map(
      (figure) => `<td>${figure ? `${shown(figure.mean)} &plusmn; ${shown(figure.interval)}` : ""}</td>`,
    );
    return `<tr><td>${escaped(method)}</td>${cells.join("")}</tr>`;
  });
  const columns = header.map((text) => `<th>${text}</th>`).join("");
  return `<table><thead><tr><th>${escaped(figureTitle(name, evaluations[0]))}${isShare(name) ? " (%)" : ""}</th>${columns}</tr></thead><tbody>\n${lines.join("\n")}\n</tbody></table>`;
}

const escaped = (text: string): string =>
  text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;").replaceAll('"', "&quot;");
