export {
  aucStandardError,
  brier,
  type CalibrationBin,
  type ClassifierMetrics,
  calibration,
  classifierMetrics,
  type LiftDecile,
  liftDeciles,
  logLoss,
} from './classifier-metrics.ts';
export {
  type Association,
  association,
  cohensH,
  standardisedMeanDifference,
  type TwoByTwo,
  twoByTwoPValue,
} from './contingency.ts';
export {
  betaI,
  bisect,
  chiSquareCdf,
  chiSquareQuantile,
  chiSquareTail,
  gammaP,
  gammaQ,
  logGamma,
  normalCdf,
  normalQuantile,
  studentCdf,
  studentQuantile,
} from './distributions.ts';
export { compareMeans, type MeanArm, type MeanComparison, meanArm } from './means.ts';
export { benjaminiHochberg, holm } from './multiple-testing.ts';
export {
  achievedPower,
  detectableLift,
  type PowerOptions,
  type SampleSizes,
  sampleSizePerArm,
  sampleSizes,
} from './power.ts';
export {
  type Arm,
  compareProportions,
  differenceInterval,
  type Interval,
  type ProportionComparison,
  rateInterval,
  relativeLiftInterval,
  sampleRatioPValue,
} from './proportions.ts';
