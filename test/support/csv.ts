/** A strict reader of CSV, so that what the window writes is not tested with itself. */

/** The cells of a file as RFC 4180 has them; throws where it does not fit. */
export function parseCsv(text: string): string[][] {
  const rows: string[][] = [];
  let row: string[] = [];
  let at = 0;
  while (at < text.length) {
    let cell = '';
    if (text.charAt(at) === '"') {
      at += 1;
      for (;;) {
        if (at >= text.length) throw new Error('a quoted cell does not end');
        if (text.charAt(at) !== '"') cell += text.charAt(at++);
        else if (text.charAt(at + 1) === '"') {
          cell += '"';
          at += 2;
        } else break;
      }
      at += 1;
    } else while (at < text.length && !/[,\r\n]/.test(text.charAt(at))) cell += text.charAt(at++);
    row.push(cell);
    if (text.charAt(at) === ',') at += 1;
    else {
      if (text.slice(at, at + 2) !== '\r\n') throw new Error(`neither a comma nor the end of a line at ${at}`);
      at += 2;
      rows.push(row);
      row = [];
    }
  }
  return rows;
}

/** Lines as objects by the names of the first one. */
export function csvRecords(text: string): Record<string, string>[] {
  const [names = [], ...lines] = parseCsv(text);
  return lines.map((line) => {
    if (line.length !== names.length) throw new Error(`a line has ${line.length} cells, not ${names.length}`);
    return Object.fromEntries(names.map((name, index) => [name, line[index] ?? '']));
  });
}
