import type { LoadFault } from './contract.ts';

/** The data did not pass: the load ends, what was visible stays. */
export class LoadRefused extends Error {
  override readonly name = 'LoadRefused';
  readonly faults: readonly LoadFault[];

  constructor(faults: readonly LoadFault[]) {
    super(faults.map((fault) => `${fault.place}: ${fault.message}`).join(' '));
    this.faults = faults;
  }
}

export const refuse = (code: string, place: string, message: string): never => {
  throw new LoadRefused([{ code, place, message }]);
};
