/** Entry point "@innerloop/core/reinforcement": environments, policies and what is computed of their trajectories. */
import "../../library-module.js";

export {
  type AdaptedEpisodes,
  type AdaptedEpisodesOptions,
  adaptedEpisodes,
  type EpisodesAfter,
  type PlayedEpisode,
} from "./adapted-episodes.js";
export {
  type AdvantageOptions,
  discountedReturns,
  type Episodes,
  episodeLengths,
  generalizedAdvantages,
  type PolicyAdvantageOptions,
  policyAdvantages,
  type RidgeBaseline,
  ridgeBaseline,
  standardized,
} from "./advantages.js";
export {
  type BanditPolicy,
  banditOracle,
  GittinsIndices,
  gittinsIndex,
  greedyBayes,
  thompsonSampling,
  ucb1,
} from "./bandit-policies.js";
export { type BanditFamily, type BanditOptions, type BanditTask, bernoulliBandits } from "./bandits.js";
export {
  type ActionDistribution,
  actionDistribution,
  type Categorical,
  categorical,
  type DiagonalGaussian,
  type Distribution,
  diagonalGaussian,
} from "./distributions.js";
export {
  type Action,
  actionSize,
  type BoxOptions,
  type BoxSpace,
  box,
  type DiscreteSpace,
  discrete,
  type Environment,
  EnvironmentError,
  type EnvironmentErrorCode,
  type EnvironmentFamily,
  type EnvironmentPlace,
  type EnvironmentTask,
  environmentErrorCodes,
  type Observation,
  observationSize,
  type RandomAddress,
  requireActions,
  type Space,
  type Step,
  type VectorEnvironment,
} from "./environment.js";
export type { ChoicesPicture, EpisodePicture, PathPicture, SeriesPicture } from "./episode-picture.js";
export { type ExplorationOptions, exploring } from "./exploration.js";
export {
  type KnownPolicy,
  type PlayedTrials,
  playTrials,
  randomPolicy,
  type TrialOptions,
  type TrialPolicy,
  trialAddress,
} from "./known-policies.js";
export { type KnownPolicyRow, knownPolicyRow, type PlayedTrial } from "./known-policy-row.js";
export {
  type MdpSizes,
  mdpOracle,
  type OptimalPolicy,
  type PosteriorSamplingOptions,
  posteriorSampling,
  type TabularMdpPolicy,
  valueIteration,
} from "./mdp-policies.js";
export {
  type MemoryPolicy,
  type MemoryPolicyOptions,
  type RecurrentPolicyOptions,
  recurrentPolicy,
  trialInputs,
} from "./memory-policy.js";
export { type NavigationOptions, type NavigationTask, navigation2d } from "./navigation.js";
export { type PolicyCollectorOptions, policyCollector } from "./policy-collector.js";
export {
  type ContextualPolicyOptions,
  contextualPolicy,
  type PolicyNetworkOptions,
  type PolicyParameters,
  policyNetwork,
} from "./policy-network.js";
export { type PolicyTargets, policySurrogate } from "./policy-surrogate.js";
export { clippedObjective, type ProximalOptions, proximal } from "./proximal.js";
export type { RowFamily } from "./row-dynamics.js";
export { type SnailPolicyOptions, snailPolicy } from "./snail-policy.js";
export { type SurrogateInputs, type SurrogateOptions, surrogate, surrogateTerms } from "./surrogate.js";
export {
  flatDirichlet,
  type TabularMdpFamily,
  type TabularMdpOptions,
  type TabularMdpTask,
  tabularMdps,
} from "./tabular-mdp.js";
export { toldFamily } from "./told-family.js";
export { type TrialAdvantageOptions, type Trials, trialAdvantages } from "./trial-advantages.js";
export { type TrialCollectorOptions, trialCollector } from "./trial-collector.js";
export { type TrustRegionOptions, trustRegion } from "./trust-region.js";
export {
  type EnvironmentFamilyOptions,
  environmentFamily,
  type VectorEnvironmentOptions,
  vectorEnvironment,
} from "./vector-environment.js";
