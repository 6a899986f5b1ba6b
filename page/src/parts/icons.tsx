// Signs as drawings: what a font has for them differs from machine to machine.

const PATHS: Record<string, string> = {
  start: "M4 2.5v11l9-5.5z",
  stop: "M3 3h10v10H3z",
  pause: "M3.5 3h3v10h-3zM9.5 3h3v10h-3z",
  edit: "M11.3 1.7 14.3 4.7 5.5 13.5l-3.8.8.8-3.8zM10 3l3 3",
  trash: "M2.5 4h11v1.5h-11zM6 2h4v2H6zM3.8 6.5h8.4l-.7 7.5H4.5z",
  cog: "M6.9 1h2.2l.4 1.9 1.3.6L12.500 2.400 14 4l-1.100 1.600.6 1.300 1.900.400v2.200l-1.900.4-.6 1.300L14 12.800l-1.500 1.500-1.700-1.100-1.300.6L9.100 15.700H6.900l-.4-1.900-1.300-.6-1.700 1.100L2 12.800l1.100-1.600-.6-1.300-1.900-.4V7.300l1.900-.4.6-1.300L2 4l1.500-1.600 1.700 1.100 1.300-.6zM8 5.700a2.600 2.600 0 1 0 0 5.200 2.600 2.600 0 0 0 0-5.200z",
  more: "M3 6.7a1.4 1.4 0 1 1 0 2.8 1.4 1.4 0 0 1 0-2.8zm5 0a1.4 1.4 0 1 1 0 2.8 1.4 1.4 0 0 1 0-2.800zm5 0a1.400 1.400 0 1 1 0 2.800 1.400 1.400 0 0 1 0-2.800z",
  close: "M3.500 2.500 8 7l4.500-4.500 1 1L9 8l4.500 4.500-1 1L8 9l-4.500 4.500-1-1L7 8 2.500 3.500z",
  busy: "M8 1.500A6.500 6.500 0 1 1 1.500 8h1.600A4.900 4.900 0 1 0 8 3.100z",
  freeze: "M7.300 1h1.400v4.700l4-2.300.7 1.200L9.400 7l4 2.300-.7 1.200-4-2.300V15H7.300V8.200l-4 2.300-.7-1.200L6.600 7l-4-2.400.7-1.200 4 2.300z",
};

export type Sign = keyof typeof PATHS | string;

export function Drawing({ sign }: { sign: Sign }) {
  const path = PATHS[sign];
  if (!path) return <span aria-hidden="true">{sign}</span>;
  return <svg class={sign === "busy" ? "sign turning" : "sign"} viewBox="0 0 16 16" aria-hidden="true"><path d={path} fill="currentColor" fill-rule="evenodd" /></svg>;
}
