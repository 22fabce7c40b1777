// Sensor port: a whole number that the world holds now, such as a level, a temperature or a voltage, and when
// it was read. Synchronous: a slow sensor is polled by its driver, which answers with its last reading, and the
// reader judges by the time whether that is still good.

/** Further from zero than this no reading is taken for true. */
export const SENSOR_VALUE_MAX = 1_000_000_000;

export interface SensorReading {
  /** An integer in the sensor's unit, within SENSOR_VALUE_MAX either way. */
  value: number;
  /** Monotonic time at which the value was true. */
  atMs: number;
}

export interface Sensor {
  /** What the value counts, such as "dL". */
  readonly unit: string;
  /** Throws HalError `disconnected` while the sensor is not there or has not answered yet, `corrupt` for an answer that is no reading. */
  read(): SensorReading;
  /** A closed sensor throws `canceled`. Idempotent. */
  close(): void;
}
