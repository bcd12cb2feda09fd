declare module 'haraka-config/lib/readers/ini' {
  /** haraka-config's ini reader. Objects have no prototype; `name` is used in messages only. */
  const reader: {
    parseIni(
      name: string,
      options: Readonly<Record<string, unknown>>,
      data: string,
    ): Record<string, Record<string, unknown>>;
    /** Where complaints about single lines go; the console unless replaced. */
    logger: (message: string) => void;
  };
  export default reader;
}
