/** What an order of items is judged by, where equal predictions stand for every order of them alike. */
import {
  add,
  cast,
  div,
  equal,
  exp,
  expandAxis,
  gather,
  GraphError,
  greater,
  max,
  mul,
  notEqual,
  sub,
  sum,
  type Tensor,
  tensor,
  where,
} from "@innerloop/graph";
import type { Metric, PooledMetric, TaskMetric } from "./metric.js";
import { meanOfRatios, presentRows, type RatingTarget, type RatingUnits, ratingRows, sumWhere } from "./rating-metrics.js";
