import { ProtocolError, type Refusal } from '../protocol/protocol-error.ts';

function isRefusal(value: object): value is Refusal {
  return 'kind' in value && value.kind === 'refused';
}

/** A result that is no refusal. @throws ProtocolError where it is one */
export function accepted<Value extends object>(value: Value): Exclude<Value, Refusal> {
  if (isRefusal(value)) throw new ProtocolError(value.error, value.message, value.details);
  return value as Exclude<Value, Refusal>;
}
