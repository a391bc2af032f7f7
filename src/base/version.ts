// Who we say that we are: in HELLO, in the metrics, and on the command line.

/** The version of the package, held equal to package.json by a test. */
export const serverVersion = '0.1.0'
