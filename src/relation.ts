/**
 * A relation between bounds that has to hold, and the sentence for an operator who has broken it.
 * Bound: the relations of a file stand beside its bounds.
 */
export interface Relation {
  readonly holds: boolean;
  readonly sentence: string;
}
