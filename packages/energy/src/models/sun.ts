/** Where the sun stands and what a panel makes of it; floating point, whole units only at the end. */

const RADIANS = Math.PI / 180;
/** 2000-01-01 12:00 UTC, the almanac's zero. */
const J2000_S = 946_728_000;
const DAY_S = 86_400;

export interface SunPosition {
  /** Above the horizon, degrees. */
  readonly elevationDegrees: number;
  /** Clockwise from north, degrees. */
  readonly azimuthDegrees: number;
}

/** The low-precision almanac, good to about 0.01°. */
export function sunPosition(
  atS: number,
  place: { readonly latitudeDegrees: number; readonly longitudeDegrees: number },
): SunPosition {
  const days = (atS - J2000_S) / DAY_S;
  const meanLongitude = 280.46 + 0.9856474 * days;
  const anomaly = (357.528 + 0.9856003 * days) * RADIANS;
  const longitude = (meanLongitude + 1.915 * Math.sin(anomaly) + 0.02 * Math.sin(2 * anomaly)) * RADIANS;
  const obliquity = (23.439 - 0.0000004 * days) * RADIANS;
  const declination = Math.asin(Math.sin(obliquity) * Math.sin(longitude));
  const rightAscension = Math.atan2(Math.cos(obliquity) * Math.sin(longitude), Math.cos(longitude));
  const siderealDegrees = 280.46062 + 360.98564737 * days + place.longitudeDegrees;
  const hourAngle = siderealDegrees * RADIANS - rightAscension;
  const latitude = place.latitudeDegrees * RADIANS;
  const sinElevation =
    Math.sin(latitude) * Math.sin(declination) +
    Math.cos(latitude) * Math.cos(declination) * Math.cos(hourAngle);
  const azimuth = Math.atan2(
    -Math.sin(hourAngle) * Math.cos(declination),
    Math.cos(latitude) * Math.sin(declination) -
      Math.sin(latitude) * Math.cos(declination) * Math.cos(hourAngle),
  );
  return {
    elevationDegrees: Math.asin(Math.max(-1, Math.min(1, sinElevation))) / RADIANS,
    azimuthDegrees: (azimuth / RADIANS + 360) % 360,
  };
}

/** Global horizontal irradiance under a clear sky (Haurwitz), W/m². */
export function clearSkyWm2(elevationDegrees: number): number {
  const cosZenith = Math.sin(elevationDegrees * RADIANS);
  return cosZenith <= 0 ? 0 : 1098 * cosZenith * Math.exp(-0.057 / cosZenith);
}

export interface Irradiance {
  readonly globalWm2: number;
  /** Direct on a plane facing the sun. */
  readonly directWm2: number;
  readonly diffuseWm2: number;
}

export interface Panel {
  /** Nameplate, W of direct current under standard conditions. */
  readonly ratedW: number;
  /** From the horizontal, degrees. */
  readonly tiltDegrees: number;
  /** It faces this way, clockwise from north, degrees. */
  readonly azimuthDegrees: number;
}

const GROUND_REFLECTANCE = 0.2;
/** Cell temperature at 800 W/m², 20 °C, °C. */
const NOMINAL_CELL_C = 45;
const SYSTEM_SHARE = 0.859;
const LOSS_PER_C = 0.0047;
const INVERTER_SHARE = 0.96;
const DC_TO_AC = 1.2;

/** Alternating-current power of a panel, W. */
export function panelPowerW(
  panel: Panel,
  sky: { readonly sun: SunPosition; readonly irradiance: Irradiance; readonly airC: number },
): number {
  const tilt = panel.tiltDegrees * RADIANS;
  const elevation = sky.sun.elevationDegrees * RADIANS;
  const facing = (sky.sun.azimuthDegrees - panel.azimuthDegrees) * RADIANS;
  const cosIncidence =
    Math.sin(elevation) * Math.cos(tilt) + Math.cos(elevation) * Math.sin(tilt) * Math.cos(facing);
  const { globalWm2, directWm2, diffuseWm2 } = sky.irradiance;
  const planeWm2 =
    directWm2 * Math.max(0, cosIncidence) +
    (diffuseWm2 * (1 + Math.cos(tilt))) / 2 +
    (GROUND_REFLECTANCE * globalWm2 * (1 - Math.cos(tilt))) / 2;
  const cellC = sky.airC + (planeWm2 / 800) * (NOMINAL_CELL_C - 20) * 0.9;
  const directCurrentW = panel.ratedW * SYSTEM_SHARE * (planeWm2 / 1000) * (1 - LOSS_PER_C * (cellC - 25));
  return Math.max(0, Math.min(INVERTER_SHARE * directCurrentW, panel.ratedW / DC_TO_AC));
}
