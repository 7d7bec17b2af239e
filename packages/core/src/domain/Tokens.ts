/** An estimate. */
export interface Tokens { readonly likely: number; readonly most: number }
export const exactly = (n: number): Tokens => ({ likely: n, most: n })
export const none: Tokens = exactly(0)
export const add = (a: Tokens, b: Tokens): Tokens => ({ likely: a.likely + b.likely, most: a.most + b.most })
export const ofText = (text: string): Tokens => ({ likely: Math.ceil(text.length / 4), most: text.length })
export const ofImage = (_: unknown): Tokens => ({ likely: 768, most: 1601 })
