// The invalid fields of an error: `path` is the path in the input, `code` one of the enum `FieldErrorCode`. A form shows `message` at the field.
export type FieldError = { path: string; code: string; message: string };

type Refusal = { extensions?: { fields?: FieldError[] } };

export const fieldErrors = (error: object | undefined): FieldError[] => (error as Refusal | undefined)?.extensions?.fields ?? [];
