/** Minor units as the number people write: 12345 with 2 digits is 123.45. */
export const majorOf = (minor: number, digits: number): number => Number(`${minor}e-${digits}`);

/** What people write as minor units, rounded half away from zero to the currency's digits. */
export const minorOf = (major: number, digits: number): number =>
  Math.sign(major) * Math.round(Number(`${Math.abs(major)}e${digits}`));
