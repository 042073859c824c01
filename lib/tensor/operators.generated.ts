// placeholder until the generator runs
export interface AtenOperators { readonly [name: string]: (...args: any[]) => any }
export interface DgsamOperators { readonly [name: string]: (...args: any[]) => any }
