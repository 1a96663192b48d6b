/** report.html: a run on one page that needs nothing but a browser. */
import type { Evaluation, FigureDescription } from "@innerloop/core";
import { lossName } from "@innerloop/core/training";
import { areDescriptions, earlierFigures } from "../figures/earlier-figures.js";
import { least, linearAxis, lossAxis, most, tickTexts } from "../figures/plot-axis.js";
import { beyondTitle, figureTitle, leadingFigure, resultsCells } from "../figures/results-cells.js";
import { type Picture, svgElement } from "../figures/svg-picture.js";
import { failureIn } from "./failure.js";
import type { RunEvent, RunStore } from "./run-store.js";

type Point = readonly [iteration: number, value: number];

/** Points of a curve: more than the picture has columns would only overlap. */
const columnsOfCurve = 400;
const [width, height, left, right, top, bottom] = [760, 300, 56, 24, 10, 32];

/** Results that a report has beside a run's events: nothing of a run that failed. */
export interface ReportResults {
  readonly evaluations: readonly Evaluation[];
  readonly notes: readonly string[];
  /** The steps that validation has chosen. */
  readonly chosen?: number | undefined;
  /** Pictures that the run's kind of task has beside the curve. */
  readonly pictures?: readonly Picture[];
}

const noResults: ReportResults = { evaluations: [], notes: [] };

/** Writes report.html from the run's events and an evaluation, where there is one. */
export async function writeReport(run: RunStore, results: ReportResults = noResults): Promise<void> {
  const html = reportPage(run, await run.events.read(), results);
  await run.files.write("report.html", html);
}

/** The page report.html of a run. */
export function reportPage(
  run: Pick<RunStore, "config">,
  events: readonly RunEvent[],
  { evaluations, notes, chosen, pictures = [] }: ReportResults = noResults,
): string {
  const failure = failureIn(events);
  const shown = curveFigure(events, evaluations[0]);
  const { name } = shown;
  const training = averaged(
    events.flatMap((event) => pointOf(event, event.type === "iteration" ? figureOf(event, name) : undefined)),
  );
  const validation = averaged(
    events.flatMap((event) => pointOf(event, event.type === "validation" ? lastFigureOf(event, name) : undefined)),
  );
  const { config } = run;
  const title = `innerloop: ${config.experiment}${failure ? " (failed)" : ""}`;
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>${escaped(title)}</title>
<style>
:root { color-scheme: light dark; --line: #1f6f5c; --mark: #c2591a; --soft: #8886; }
body { font: 16px/1.5 system-ui, sans-serif; max-width: 960px; margin: 2rem auto; padding: 0 1rem; }
table { border-collapse: collapse; margin-bottom: 1rem; font-size: .9em; } td, th { padding: .3rem .6rem; text-align: right; border-bottom: 1px solid var(--soft); }
td, th { white-space: nowrap; } td:first-child, th:first-child { text-align: left; white-space: normal; min-width: 8rem; position: sticky; left: 0; background: Canvas; }
.wide { overflow-x: auto; } .failed { border-left: 4px solid #b3261e; padding-left: 1rem; } svg { width: 100%; min-width: 34rem; height: auto; } svg text { font-size: 12px; } .curve text { fill: currentColor; }
code, pre { font-size: .85em; overflow-wrap: anywhere; white-space: pre-wrap; } .training { color: var(--line); } .validation { color: var(--mark); }
</style>
</head>
<body>
<h1>${escaped(title)}</h1>
${failure ? `<p class="failed">The training failed: ${escaped(failure.message)}</p>` : ""}
${evaluations.length > 0 ? "<h2>Results</h2>" : ""}
${(evaluations[0]?.figures ?? []).map((each) => resultsHtml(evaluations, each, chosen)).join("\n")}
${notes.map((note) => `<p>${escaped(note)}.</p>`).join("\n")}
<h2>Learning curve</h2>
<p><span class="training">&#9632;</span> ${escaped(figureTitle(shown))} of training tasks after adaptation${validation.length > 0 ? `, <span class="validation">&#9632;</span> of validation tasks` : ""}</p>
<div class="wide curve">${curve(training, validation, shown)}</div>
${pictures.map(pictureHtml).join("\n")}
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

const pictureHtml = (picture: Picture): string =>
  `<h2>${escaped(picture.title.replace(/^./, (letter) => letter.toUpperCase()))}</h2>\n<div class="wide">${svgElement(picture)}</div>\n<p>${escaped(picture.text)}</p>`;

const pointOf = (event: RunEvent, value: number | undefined): Point[] =>
  event.iteration !== undefined && value !== undefined && Number.isFinite(value) ? [[event.iteration, value]] : [];

/**
 * The figure of the learning curve: that with which the results lead, where updates have it, else the loss. Errors in the
 * units of a table's targets are figures of evaluations alone.
 */
function curveFigure(events: readonly RunEvent[], evaluation: Evaluation | undefined): FigureDescription {
  const leading = evaluation && leadingFigure(evaluation);
  if (leading && events.some((event) => event.type === "iteration" && figureOf(event, leading.name) !== undefined))
    return leading;
  const told = events.flatMap(({ figures }) => (areDescriptions(figures) ? figures : []));
  const [loss] = earlierFigures([lossName]);
  return [...(evaluation?.figures ?? []), ...told].find(({ name }) => name === lossName) ?? loss!;
}

function figureOf(event: RunEvent, name: string): number | undefined {
  const figures: Record<string, unknown> = { ...Object(event.metrics), [lossName]: event.loss };
  const value = figures[name];
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

function curve(training: readonly Point[], validation: readonly Point[], shown: FigureDescription): string {
  const all = [...training, ...validation];
  if (all.length < 2) return "<p>There are too few updates for a curve.</p>";
  const values = all.map(([, value]) => value);
  const across = linearAxis(0, most(all.map(([iteration]) => iteration)), 4);
  const up = shown.share ? linearAxis(least(values), most(values)) : lossAxis(values);
  const x = (iteration: number): number => left + (width - left - right) * across.at(iteration);
  const y = (value: number): number => top + (height - bottom - top) * (1 - up.at(value));
  const texts = shown.share
    ? tickTexts(up.ticks.map((tick) => Number((100 * tick).toPrecision(12)))).map((text) => `${text}%`)
    : tickTexts(up.ticks);
  const path = (points: readonly Point[]): string =>
    points.map(([iteration, value]) => `${x(iteration).toFixed(1)},${y(value).toFixed(1)}`).join(" ");
  return [
    up.isLogarithmic ? "<p>On a logarithmic scale.</p>" : "",
    `<svg viewBox="0 0 ${width} ${height}" role="img" aria-label="${escaped(figureTitle(shown))} by update">`,
    ...up.ticks.map(
      (value, i) =>
        `<line x1="${left}" x2="${width - right}" y1="${y(value).toFixed(1)}" y2="${y(value).toFixed(1)}" stroke="var(--soft)"/><text x="${left - 8}" y="${(y(value) + 4).toFixed(1)}" text-anchor="end">${texts[i]}</text>`,
    ),
    ...across.ticks.map(
      (iteration) =>
        `<text x="${x(iteration).toFixed(1)}" y="${height - 10}" text-anchor="middle">${iteration.toLocaleString("en")}</text>`,
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

function resultsHtml(evaluations: readonly Evaluation[], of: FigureDescription, chosen: number | undefined): string {
  const { header, rows } = resultsCells(evaluations, of, chosen);
  const isFar = (value: number): boolean => value !== 0 && (Math.abs(value) < 0.001 || Math.abs(value) >= 1000);
  const shown = (value: number): string =>
    of.share ? (100 * value).toFixed(1) : isFar(value) ? value.toPrecision(2) : value.toFixed(3);
  const half = (interval: number | null | undefined): string =>
    interval === undefined
      ? ""
      : interval === null || !Number.isFinite(interval)
        ? "unknown"
        : `&plusmn; ${shown(interval)}`;
  const row = (method: string, cells: readonly string[]): string =>
    `<tr><td>${escaped(method)}</td>${cells.map((cell) => `<td>${cell}</td>`).join("")}</tr>`;
  const lines = rows.map(({ method, figures }) =>
    row(
      method,
      figures.map((figure) =>
        figure ? (Number.isFinite(figure.mean) ? `${shown(figure.mean)} ${half(figure.interval)}` : "diverged") : "",
      ),
    ),
  );
  const [first] = rows;
  const { draws } = evaluations[0]!;
  if (draws && first!.figures.some((figure) => figure?.poolInterval !== undefined))
    lines.splice(
      1,
      0,
      row(
        beyondTitle(draws),
        first!.figures.map((figure) => half(figure?.poolInterval)),
      ),
    );
  const columns = header.map((text) => `<th>${escaped(text)}</th>`).join("");
  return `<div class="wide"><table><thead><tr><th>${escaped(figureTitle(of))}${of.share ? " (%)" : ""}</th>${columns}</tr></thead><tbody>\n${lines.join("\n")}\n</tbody></table></div>`;
}

const escaped = (text: string): string =>
  text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;").replaceAll('"', "&quot;");
