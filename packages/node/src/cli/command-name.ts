/** How the reader can call this command again: through npx where it was reached through npm. */
export function commandName(environment: NodeJS.ProcessEnv = process.env): string {
  return environment.npm_command === undefined ? "innerloop" : "npx innerloop";
}
