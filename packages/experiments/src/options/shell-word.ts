/** A word as a shell takes it: in commands that the reader is told, whatever a folder is called. */
export const shellWord = (text: string): string =>
  /^[\w./,:=-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`;
