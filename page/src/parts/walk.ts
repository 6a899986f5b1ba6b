/** In a table whose rows hold something to focus, arrows go from row to row, in the same column; Home and End to the ends. */
export function walk(event: KeyboardEvent) {
  const at = event.target as HTMLElement;
  const row = at.closest("tr");
  // These have arrows of their own.
  if (!row || at.matches("select, input, textarea")) return;
  const rows = [...(row.parentElement?.children ?? [])].filter((one) => one instanceof HTMLTableRowElement);
  const place = { ArrowDown: rows.indexOf(row) + 1, ArrowUp: rows.indexOf(row) - 1, Home: 0, End: rows.length - 1 }[event.key];
  const next = place === undefined ? undefined : rows[place];
  if (!next) return;
  const column = at.closest("td, th") as HTMLTableCellElement | null;
  const target = at === row ? next : next.cells[column?.cellIndex ?? 0]?.querySelector<HTMLElement>("a, button");
  if (!target) return;
  event.preventDefault();
  target.focus();
}
