// The instance file of the instance that is set up: read with its ETag, changed by merge patches (RFC 7396).
import { useCallback, useEffect, useState } from "preact/hooks";
import { api } from "../../api";
import { ApiError, told } from "../../api/client";
import type { Json, JsonObject } from "../../api/types";
import { announce } from "../../parts/announce";
import { refresh } from "../../state";

export interface Document {
  value: JsonObject | null;
  error: string | null;
  /** Saves a change, at once. Refused if somebody else has changed the file meanwhile; it is read again then. */
  patch: (change: JsonObject) => Promise<void>;
  /** Saves a whole new document. */
  replace: (whole: JsonObject) => Promise<void>;
  again: () => Promise<void>;
}

export function useDocument(id: string): Document {
  const [state, set] = useState<{ value: JsonObject | null; etag: string | null; error: string | null }>({ value: null, etag: null, error: null });
  const again = useCallback(async () => {
    try {
      const { value, etag } = await api.document(id);
      set({ value, etag, error: null });
    } catch (error) {
      set((old) => ({ ...old, error: told(error) }));
    }
  }, [id]);
  useEffect(() => {
    set({ value: null, etag: null, error: null });
    void again();
  }, [again]);
  const change = async (act: () => Promise<unknown>) => {
    try {
      await act();
      announce("Saved");
    } catch (error) {
      if (error instanceof ApiError && error.status === 412) {
        await again();
        throw new ApiError(412, "Somebody else has changed this instance meanwhile, so nothing was saved. What is shown now is how it is; make the change again.");
      }
      throw error;
    }
    await again();
    void refresh();
  };
  return {
    value: state.value,
    error: state.error,
    again,
    patch: (body) => change(() => api.patchDocument(id, body, state.etag ?? undefined)),
    replace: (whole) => change(() => api.putDocument(id, whole, state.etag ?? "*")),
  };
}

/** The value at a path, if it is there. */
export function at(document: Json | undefined, ...path: string[]): Json | undefined {
  let value: Json | undefined = document;
  for (const key of path) {
    if (!value || typeof value !== "object" || Array.isArray(value)) return undefined;
    value = value[key];
  }
  return value;
}

export const text = (value: Json | undefined) => (typeof value === "string" ? value : "");
export const object = (value: Json | undefined): JsonObject => (value && typeof value === "object" && !Array.isArray(value) ? value : {});

/** A patch that makes the value at `path` be `value`; `null` takes it away. */
export function patchOf(path: string[], value: Json): JsonObject {
  const [first, ...rest] = path;
  if (first === undefined) return object(value);
  return { [first]: rest.length === 0 ? value : patchOf(rest, value) };
}
