import type { Static, TObject } from 'typebox';
import { Compile } from 'typebox/compile';
import { refusal, type Refusal } from './protocol-error.ts';

/** A schema made ready to check values; `invalid_params` with `data.path` for those that don't fit. */
export interface ShapeCheck<T> {
  fits(value: unknown): value is T;
  /** Why a value that does not fit doesn't. */
  explain(value: unknown): Refusal;
}

/** Compiles a schema, once; checking is then a straight run of comparisons. */
export function shapeCheck<T extends TObject>(schema: T): ShapeCheck<Static<T>> {
  const validator = Compile(schema);
  return {
    fits: (value): value is Static<T> => validator.Check(value),
    explain(value) {
      const [error] = validator.Errors(value);
      if (error === undefined) return refusal('invalid_params', 'invalid');
      const missing = error.keyword === 'required' ? error.params.requiredProperties[0] : undefined;
      const path = dotted(error.instancePath, missing);
      if (path === '') return refusal('invalid_params', 'params must be an object with named fields');
      const problem = missing === undefined ? error.message : 'is missing';
      return refusal('invalid_params', `${path} ${problem}`, { path });
    },
  };
}

/** `/mediaRef/size` as `mediaRef.size`. */
function dotted(pointer: string, missing: string | undefined): string {
  const parts = pointer.split('/').filter((part) => part !== '');
  if (missing !== undefined) parts.push(missing);
  return parts.join('.');
}
