/**
 * @typedef {object} Step
 * @property {() => Promise<string | undefined>} check what is not as it should be; undefined: fine
 * @property {() => Promise<string>} mend puts it right and says what it did; throws SetupError
 */
export {};
