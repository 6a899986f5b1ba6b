// The one way to the server: JSON in, JSON out, problem details as errors.
import type { Problem, ProblemDetails } from "./types";

/** What the server refused, or that it could not be reached (`status` 0). */
export class ApiError extends Error {
  override name = "ApiError";
  constructor(readonly status: number, message: string, readonly problems: Problem[] = []) {
    super(message);
  }
}

export interface Answer<T> {
  value: T;
  etag: string | null;
}

/** Told when the server wants to know who asks. */
let onUnauthorised = () => {};
export function whenUnauthorised(then: () => void) {
  onUnauthorised = then;
}

/** Longer than any answer takes but those that say so themselves. */
const TIMEOUT_MS = 20_000;

interface Options {
  body?: unknown;
  ifMatch?: string;
  contentType?: string;
  timeoutMs?: number;
  signal?: AbortSignal;
}

export async function request<T>(method: string, path: string, options: Options = {}): Promise<Answer<T>> {
  const headers: Record<string, string> = { Accept: "application/json" };
  const { body, ifMatch, contentType = "application/json", timeoutMs = TIMEOUT_MS, signal } = options;
  if (body !== undefined) headers["Content-Type"] = contentType;
  if (ifMatch) headers["If-Match"] = ifMatch;
  const raw = body instanceof Blob || body instanceof ArrayBuffer;
  const until = AbortSignal.timeout(timeoutMs);
  let response: Response;
  try {
    response = await fetch(path, {
      method,
      headers,
      body: body === undefined ? null : raw ? body : JSON.stringify(body),
      signal: signal ? AbortSignal.any([signal, until]) : until,
    });
  } catch (error) {
    if (signal?.aborted) throw error;
    const late = until.aborted ? `no answer within ${timeoutMs / 1000} s` : "it cannot be reached";
    throw new ApiError(0, `The server gave no answer: ${late}. Is watchpost still running?`);
  }
  if (response.ok) {
    const type = response.headers.get("Content-Type") ?? "";
    const value = type.includes("json") ? await response.json() : await response.text();
    return { value: value as T, etag: response.headers.get("ETag") };
  }
  throw await refusal(response);
}

/** An answer that goes on and on: its body is the caller's to read. */
export async function openStream(path: string, headers: Record<string, string>, signal: AbortSignal): Promise<ReadableStream<Uint8Array>> {
  let response: Response;
  try {
    response = await fetch(path, { headers: { Accept: "text/event-stream", ...headers }, signal });
  } catch (error) {
    if (signal.aborted) throw error;
    throw new ApiError(0, "The server cannot be reached. Is watchpost still running?");
  }
  if (!response.ok) throw await refusal(response);
  if (!response.body) throw new ApiError(response.status, "The server's answer has no content");
  return response.body;
}

async function refusal(response: Response): Promise<ApiError> {
  if (response.status === 401) onUnauthorised();
  try {
    const details = (await response.json()) as ProblemDetails;
    return new ApiError(response.status, details.detail || details.title, details.problems ?? []);
  } catch {
    return new ApiError(response.status, `${response.status} ${response.statusText}`);
  }
}

export const get = <T>(path: string, signal?: AbortSignal) => request<T>("GET", path, signal ? { signal } : {}).then(value);
export const post = <T>(path: string, body?: unknown, options: Options = {}) =>
  request<T>("POST", path, { ...options, ...(body === undefined ? {} : { body }) }).then(value);
export const put = <T>(path: string, body: unknown) => request<T>("PUT", path, { body }).then(value);
export const remove = <T>(path: string) => request<T>("DELETE", path).then(value);

function value<T>(answer: Answer<T>): T {
  return answer.value;
}

/** A part of a path. Export names hold `/`, `:` and more. */
export const part = encodeURIComponent;

/** What to say of anything that was thrown. */
export function told(error: unknown): string {
  if (error instanceof Error) return error.message;
  return String(error);
}

/** The problems of an error, each at its place; one without a place for what has none. */
export function problemsOf(error: unknown): Problem[] {
  if (error instanceof ApiError && error.problems.length > 0) return error.problems;
  return [{ path: "", message: told(error), fix: "" }];
}

/** A problem as it stands at its field. */
export function said(problem: Problem | undefined): string | undefined {
  return problem && [problem.message, problem.fix].filter(Boolean).join("; ");
}
