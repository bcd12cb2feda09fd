/** How many times as many inputs as by default a property is held against: `TIMES=20 npm run test:unit`. */
export const times = Number(process.env['TIMES'] ?? 1);
