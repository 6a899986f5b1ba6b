// Areas and lines over the live picture. While editing: click points, double click or Enter ends, Esc cancels, handles
// are dragged or nudged by arrow keys, Delete removes.
import { useEffect, useLayoutEffect, useRef, useState } from "preact/hooks";
import { colour, LEAST, nameOf, type Point, type Shape, type Shapes } from "./shapes";

/** A step of an arrow key, in parts of the frame; with Shift four of them. */
const STEP = 0.005;
/** How near to the first point a click closes an area, in pixels. */
const NEAR = 10;

export function ShapesOver({ shapes, editing }: { shapes: Shapes; editing: boolean }) {
  const svg = useRef<SVGSVGElement>(null);
  const [{ width, height }, setSize] = useState({ width: 1, height: 1 });
  const [cursor, setCursor] = useState<Point | null>(null);
  const { drawing } = shapes;
  useEffect(() => {
    const element = svg.current;
    if (!element) return;
    const observer = new ResizeObserver(() => setSize({ width: element.clientWidth || 1, height: element.clientHeight || 1 }));
    observer.observe(element);
    return () => observer.disconnect();
  }, []);
  // At once: the next key belongs to the drawing.
  useLayoutEffect(() => {
    if (drawing && drawing.points.length === 0) svg.current?.focus();
  }, [drawing?.kind, drawing?.points.length === 0]);
  if (!shapes.visible && !drawing) return null;

  const px = ({ x, y }: Point) => `${x * width},${y * height}`;
  const at = (event: { clientX: number; clientY: number }): Point => {
    const box = svg.current?.getBoundingClientRect() ?? new DOMRect(0, 0, 1, 1);
    return { x: (event.clientX - box.left) / box.width, y: (event.clientY - box.top) / box.height };
  };
  const click = (event: MouseEvent) => {
    if (!editing) return;
    if (!drawing) return shapes.choose(null);
    // The second click of a double click is at the place of the first.
    if (event.detail > 1) return shapes.finish();
    const point = at(event);
    const start = drawing.points[0];
    if (start && drawing.points.length >= 3 && Math.hypot((start.x - point.x) * width, (start.y - point.y) * height) < NEAR) return shapes.finish();
    shapes.addPoint(point);
  };
  const keys = (event: KeyboardEvent) => {
    if (!editing) return;
    if ((event.ctrlKey || event.metaKey) && event.key === "z") shapes.undo();
    else if (!drawing) return;
    else if (event.key === "Escape") { shapes.cancel(); setCursor(null); }
    else if (event.key === "Enter") shapes.finish();
    else if (event.key === " ") shapes.addPoint(cursor ?? { x: 0.5, y: 0.5 });
    else if (event.key === "Backspace" || event.key === "Delete") shapes.undo();
    else {
      const by = arrow(event);
      if (!by) return;
      const from = cursor ?? { x: 0.5, y: 0.5 };
      setCursor({ x: clamp(from.x + by.x * 4), y: clamp(from.y + by.y * 4) });
    }
    event.preventDefault();
    event.stopPropagation();
  };
  const last = drawing?.points[drawing.points.length - 1];
  return (
    <svg ref={svg} viewBox={`0 0 ${width} ${height}`} class={editing && drawing ? "draw" : ""} tabindex={editing && drawing ? 0 : -1}
      role={editing ? "application" : "img"} onClick={click} onKeyDown={keys} onPointerMove={(event) => drawing && setCursor(at(event))}
      aria-label={editing ? "Areas and lines. While drawing: arrows move the cross, Space sets a point, Enter ends, Escape cancels" : "Areas and lines"}>
      {shapes.all.map((shape) => (
        <ShapeOver key={shape.id} shape={shape} shapes={shapes} editing={editing && !drawing} px={px} at={at} size={{ width, height }} />
      ))}
      {drawing && (
        <g stroke="#ffd43b" fill="#ffd43b" pointer-events="none">
          {drawing.points.length > 0 && <polyline class="shape" points={[...drawing.points, ...(cursor ? [cursor] : [])].map(px).join(" ")} fill={drawing.kind === "line" ? "none" : "#ffd43b"} />}
          {drawing.points.map((point, n) => <circle key={n} class="handle" cx={point.x * width} cy={point.y * height} r={n === 0 ? 6 : 4} />)}
          {cursor && <path d={`M${cursor.x * width - 8} ${cursor.y * height}h16M${cursor.x * width} ${cursor.y * height - 8}v16`} stroke-width="1.5" fill="none" />}
          {!cursor && last && null}
        </g>
      )}
    </svg>
  );
}

interface OverProps {
  shape: Shape;
  shapes: Shapes;
  editing: boolean;
  px: (point: Point) => string;
  at: (event: { clientX: number; clientY: number }) => Point;
  size: { width: number; height: number };
}

function ShapeOver({ shape, shapes, editing, px, at, size }: OverProps) {
  const chosen = shapes.chosen?.id === shape.id;
  const ink = colour(shape);
  const name = nameOf(shape);
  const drag = useRef<{ from: Point; points: Point[]; moved: boolean } | null>(null);
  const move = (index: number | null, to: Point) => {
    if (!drag.current) return;
    const { from, points, moved } = drag.current;
    const next = points.map((point, n) => (index === null ? { x: point.x + to.x - from.x, y: point.y + to.y - from.y } : n === index ? to : point));
    // As a whole it stays in the picture.
    if (index === null && next.some(({ x, y }) => x < 0 || x > 1 || y < 0 || y > 1)) return;
    shapes.setPoints(shape.id, next, moved);
    drag.current.moved = true;
  };
  const handlers = (index: number | null) => ({
    onPointerDown: (event: PointerEvent) => {
      if (!editing) return;
      shapes.choose(shape.id);
      (event.currentTarget as Element).setPointerCapture(event.pointerId);
      drag.current = { from: at(event), points: shape.points, moved: false };
    },
    onPointerMove: (event: PointerEvent) => move(index, at(event)),
    onPointerUp: () => { drag.current = null; },
    onClick: (event: MouseEvent) => editing && event.stopPropagation(),
  });
  const nudge = (index: number | null) => (event: KeyboardEvent) => {
    const by = arrow(event);
    if (by) shapes.setPoints(shape.id, shape.points.map((point, n) => (index === null || n === index ? { x: point.x + by.x, y: point.y + by.y } : point)));
    else if (event.key === "Delete" || event.key === "Backspace") removePoint(shapes, shape, index);
    else if (event.key === "Escape") shapes.choose(null);
    else if ((event.ctrlKey || event.metaKey) && event.key === "z") shapes.undo();
    else return;
    event.preventDefault();
    event.stopPropagation();
  };
  const points = shape.points.map(px).join(" ");
  const props = { class: chosen ? "shape chosen" : "shape", points, stroke: ink, ...handlers(null), onKeyDown: nudge(null), ...(editing ? { tabindex: 0, role: "button" as const, "aria-label": `${shape.kind === "area" ? "Area" : "Line"} ${name}` } : {}), onFocus: () => editing && shapes.choose(shape.id), style: editing ? { cursor: "move" } : {} };
  const [first] = shape.points;
  return (
    <g data-shape={name}>
      {shape.kind === "area"
        ? <polygon {...props} fill={ink} />
        : <><polyline points={points} stroke="transparent" stroke-width="14" fill="none" {...handlers(null)} /><polyline {...props} fill="none" /><Arrows shape={shape} size={size} ink={ink} /></>}
      {first && <text text-anchor={first.x > 0.75 ? "end" : "start"} x={first.x * size.width + (first.x > 0.75 ? -8 : 8)} y={Math.max(14, first.y * size.height - 8)} fill="#fff" stroke="#000" stroke-width="3" paint-order="stroke" font-size="12" font-weight="600" pointer-events="none">{name}</text>}
      {chosen && editing && shape.points.map((point, index) => (
        <circle key={index} class="handle" cx={point.x * size.width} cy={point.y * size.height} r="6" tabindex={0} role="button"
          aria-label={`Point ${index + 1} of ${name}, arrows move it, Delete removes it`} {...handlers(index)} onKeyDown={nudge(index)} />
      ))}
      {chosen && editing && shape.kind === "area" && shape.points.map((point, index) => {
        const next = shape.points[(index + 1) % shape.points.length] ?? point;
        const mid = { x: (point.x + next.x) / 2, y: (point.y + next.y) / 2 };
        const add = () => shapes.setPoints(shape.id, [...shape.points.slice(0, index + 1), mid, ...shape.points.slice(index + 1)]);
        return <circle key={`m${index}`} class="handle mid" cx={mid.x * size.width} cy={mid.y * size.height} r="4" aria-hidden="true" onClick={(event) => { event.stopPropagation(); add(); }} />;
      })}
    </g>
  );
}

/** Which way counts: down is the right hand of who walks from the first point to the second. */
function Arrows({ shape, size, ink }: { shape: Shape; size: { width: number; height: number }; ink: string }) {
  const [a, b] = shape.points.map(({ x, y }) => ({ x: x * size.width, y: y * size.height }));
  if (!a || !b) return null;
  const length = Math.hypot(b.x - a.x, b.y - a.y) || 1;
  const right = { x: -(b.y - a.y) / length, y: (b.x - a.x) / length };
  const mid = { x: (a.x + b.x) / 2, y: (a.y + b.y) / 2 };
  const direction = shape.options.direction ?? "Both";
  const arrowTo = (sign: number) => {
    const tip = { x: mid.x + right.x * 22 * sign, y: mid.y + right.y * 22 * sign };
    const side = { x: (b.x - a.x) / length, y: (b.y - a.y) / length };
    const back = { x: tip.x - right.x * 8 * sign, y: tip.y - right.y * 8 * sign };
    return `M${mid.x} ${mid.y}L${tip.x} ${tip.y}M${back.x + side.x * 6} ${back.y + side.y * 6}L${tip.x} ${tip.y}L${back.x - side.x * 6} ${back.y - side.y * 6}`;
  };
  const path = `${direction !== "Up" ? arrowTo(1) : ""}${direction !== "Down" ? arrowTo(-1) : ""}`;
  return <path d={path} stroke={ink} stroke-width="2" fill="none" pointer-events="none" />;
}

/** One point of an area goes as long as three are left; else all of it. */
export function removePoint(shapes: Shapes, shape: Shape, index: number | null) {
  if (index !== null && shape.points.length > LEAST[shape.kind]) shapes.setPoints(shape.id, shape.points.filter((_, n) => n !== index));
  else shapes.remove(shape.id);
}

function arrow(event: KeyboardEvent): Point | null {
  const by = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }[event.key];
  const step = event.shiftKey ? STEP * 4 : STEP;
  return by ? { x: (by[0] ?? 0) * step, y: (by[1] ?? 0) * step } : null;
}

const clamp = (part: number) => Math.min(1, Math.max(0, part));
