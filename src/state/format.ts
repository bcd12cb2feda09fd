/**
 * Every file that the suite keeps begins with the version of its format, `{"format":1,…`. A newer version of the suite may have
 * written a file, and run again after this one: what is newer is left as it is. Pure.
 */

/** Of the file that holds `value`. `damaged`: it says no version. */
export type FormatAge = 'known' | 'newer' | 'damaged';

/** @param newest the newest version that is read here; all before it are read as well */
export function formatAge(value: Readonly<Record<string, unknown>>, newest: number): FormatAge {
  const { format } = value;
  if (typeof format !== 'number' || !Number.isSafeInteger(format) || format < 1) return 'damaged';
  return format > newest ? 'newer' : 'known';
}

/** What is said of such a file. */
export const newerFormat = 'it was written by a newer version of this suite, and is left as it is';
