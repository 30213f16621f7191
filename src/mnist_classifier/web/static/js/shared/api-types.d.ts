// The types of the HTTP API. `make types` writes this file; do not edit it.

/** Output of each convolutional block, with the time. */
export type Activations = {
  model: ModelName;
  glyph: string | null;
  blocks: Array<Block>;
  elapsed_ms: number;
};

/** How to rebuild the network. */
export type Architecture = {
  parameters?: number;
  class?: string;
  arguments?: Record<string, boolean | number | number | string | Array<Record<string, boolean | number | number | string | null>> | null>;
  multiply_accumulates?: number;
};

/** A form with an archive. */
export type Archive = {
  file: string;
};

/** Many readings; `?probabilities=1` and `?warnings=1` add those lists. */
export type Batch = {
  count: number;
  predictions: Array<number | null>;
  confidences: Array<number>;
  verdicts: Array<Verdict>;
  not_a_digit: Array<number>;
  model: ModelName;
  elapsed_ms: number;
  probabilities?: Array<Array<number>>;
  warnings?: Array<Array<Caution>>;
};

/** One convolutional block. */
export type Block = {
  name: string;
  channels: number;
  height: number;
  width: number;
  strongest: number;
  maps: Array<FeatureMap>;
};

/** A warning about the drawing: a stable code for programs, and a message for people. */
export type Caution = {
  code: "cut_off" | "low_contrast" | "several_digits" | "small" | "struck_through" | "touches_edge" | "unexpected" | "unexplained_ink" | "very_thick" | "very_thin";
  message: string;
};

/** A cell of a table or a box of a form. */
export type Cell = {
  row: number;
  column: number;
  box: [number, number, number, number];
  number: string | null;
  confidence: number;
  verdict: NumberVerdict;
};

/** The label that a person gives a cell. */
export type CellLabel = {
  cell: number;
  label: number | "not_a_digit";
};

/** A cell of a sheet: glyph, picture and reading are null if it is empty. */
export type CellOfSheet = {
  cell: number;
  label: number | "not_a_digit";
  state: "check" | "empty" | "ready" | "spoilt";
  reason: string;
  glyph: string | null;
  image: string | null;
  reading: GivenReading | null;
  correction: number | null;
  times: number | null;
};

/** What became of a correction. */
export type ChangedCorrection = {
  correction: StoredCorrection;
  merged: boolean;
  contradicts: Array<number>;
};

/** One metric of both versions, from 0 to 1, and the lowest value that passes. */
export type Check = {
  measure: string;
  champion: number;
  challenger: number;
  bound: number;
  passed: boolean;
};

/** Metrics of one digit; null if undefined. */
export type ClassFigures = {
  digit: number;
  images: number;
  precision: number | null;
  recall: number | null;
  f1: number | null;
};

/** Two versions side by side. */
export type Comparison = {
  models: [ModelEntry, ModelEntry];
  confusion_difference: Record<string, Array<Array<number>> | null>;
  gate: PromotionCheck;
};

/** A new label, or another writer. */
export type CorrectionChanges = {
  label?: number | "not_a_digit";
  writer?: string;
};

/** A correction with its pen strokes. */
export type CorrectionDetails = {
  id: number;
  label: number | "not_a_digit";
  writer: string;
  source: "api" | "class" | "cli" | "import" | "page" | "sheet";
  created_at: string;
  changed_at: string;
  times: number;
  glyph: string;
  glyph_sha256: string;
  has_image: boolean;
  reading: GivenReading | null;
  model_version: number | null;
  contradicts: Array<number>;
  strokes: Array<Array<[number, number]>> | null;
};

/** A form with a file of corrections. */
export type CorrectionFile = {
  file: string;
};

/** A page of corrections, newest first. */
export type CorrectionPage = {
  corrections: Array<StoredCorrection>;
  count: number;
  next: number | null;
  totals: CorrectionTotals;
  days: number;
};

/** Numbers of all corrections. */
export type CorrectionTotals = {
  count: number;
  labels: Record<string, number>;
  writers: Array<WriterCount>;
  sources: Record<string, number>;
  contradictions: number;
};

/** The corrections that a training has seen, each as number, hash of the glyph, label (10: not a digit). */
export type Corrections = {
  count: number;
  held_out: number;
  base: number;
  used: Array<[number, string, number]>;
  measured: Array<[number, string, number]>;
};

/** State of the MNIST files and their download. */
export type Dataset = {
  status: "downloading" | "failed" | "missing" | "ready";
  fraction: number | null;
  message: string;
};

/** A deleted version. */
export type Deleted = {
  deleted: number;
};

/** A deleted correction. */
export type DeletedCorrection = {
  deleted: number;
  seen_by: Array<number>;
};

/** A form with an image of one digit. */
export type DigitForm = {
  version?: number | string;
  ambiguous_below?: number;
  not_a_digit_above?: number;
  file: string;
};

/** One digit of a number. */
export type DigitInNumber = {
  prediction: number | null;
  confidence: number;
  probabilities: Array<number>;
  verdict: Verdict;
  not_a_digit: number;
  candidates: Array<number>;
  warnings: Array<Caution>;
  box: [number, number, number, number];
};

/** An image of one digit. */
export type DigitQuestion = {
  version?: number | string;
  ambiguous_below?: number;
  not_a_digit_above?: number;
  image: string;
};

/** An image that two versions read differently. */
export type Disagreement = {
  index: number;
  label: number;
  predictions: [number, number];
  confidences: [number, number];
  image: string;
};

/** Images that two versions read differently, most confident first. */
export type Disagreements = {
  split: string;
  is_sample: boolean;
  count: number;
  right: [number, number];
  images: Array<Disagreement>;
};

/** Images with a disputed label. */
export type Disputed = {
  images: number;
  wrong: number;
};

/** How readings differ from the validation images of the version in production. */
export type DriftReport = {
  version: number;
  hours: number;
  sentence: string;
  advice: "collect" | "nothing" | "retrain" | "unknown" | "wait";
  readings: number;
  least: number;
  verdicts: Record<string, number>;
  doubtful: Estimate | null;
  low_confidence: Estimate | null;
  confidence: Estimate | null;
  ink: Estimate | null;
  ink_is_different: boolean;
  corrections: number;
  is_daily: boolean;
  periods: Array<Period>;
};

/** Results of one epoch. */
export type EpochResult = {
  epoch: number;
  epochs: number;
  train_loss: number;
  train_accuracy: number;
  validation_loss: number;
  validation_accuracy: number;
  learning_rate: number;
  images_per_s: number;
  elapsed_s: number;
  validation_s: number;
};

/** An error, in the one shape that all routes use. */
export type Error = {
  error: ErrorDetails;
};

/** Details of an error. */
export type ErrorDetails = {
  code: string;
  message: string;
  field: string | null;
};

/** A share or a mean with its 95 % interval. */
export type Estimate = {
  value: number;
  low: number;
  high: number;
  reference: number | null;
};

/** Explanation of your image. */
export type Explanation = {
  prediction: number | null;
  confidence: number;
  probabilities: Array<number>;
  verdict: Verdict;
  not_a_digit: number;
  candidates: Array<number>;
  warnings: Array<Caution>;
  model: ModelName;
  glyph: string | null;
  steps: Array<Step>;
  saliency: Saliency | null;
  neighbours: Array<Neighbour> | null;
  elapsed_ms: number;
};

/** Versions and splits to explore. */
export type ExploreChoices = {
  versions: Array<ModelName>;
  production: number;
  splits: Array<string>;
  dataset: Dataset;
};

/** Metrics of a version on a split. */
export type ExploreSummary = {
  model: ModelName;
  split: string;
  is_sample: boolean;
  images: number;
  correct: number;
  accuracy: number;
  interval_95: [number, number];
  nll: number;
  ece: number;
  confusion: Array<Array<number>>;
  per_class: Array<ClassFigures>;
  verdicts: VerdictCounts;
  disputed: Disputed;
};

/** One MNIST image with its explanation. */
export type ExploredImage = {
  prediction: number | null;
  confidence: number;
  probabilities: Array<number>;
  verdict: Verdict;
  not_a_digit: number;
  candidates: Array<number>;
  warnings: Array<Caution>;
  model: ModelName;
  glyph: string | null;
  steps: Array<Step>;
  saliency: Saliency | null;
  neighbours: Array<Neighbour> | null;
  index: number;
  row: number;
  label: number;
  disputed: boolean;
  elapsed_ms: number;
  split: string;
};

/** Output of one channel. */
export type FeatureMap = {
  strongest: number;
  image: string;
};

/** A field of a form and the number in it. */
export type FieldReading = {
  name: string;
  box: [number, number, number, number];
  number: string | null;
  confidence: number;
  verdict: NumberVerdict;
  digits: Array<DigitInNumber>;
  text: string | null;
  lines: Array<TextLine>;
  cells: Array<Cell>;
  marks: Array<Mark>;
  candidates: Array<NumberCandidate>;
  warnings: Array<Caution>;
};

/** A file of a model version: its hash and size. */
export type File = {
  sha256: string;
  bytes: number;
};

/** The writer whose personal model was deleted. */
export type ForgottenModel = {
  forgotten: string;
};

/** The numbers in the fields of a form. */
export type Form = {
  fields: Array<FieldReading>;
  model: ModelName;
  elapsed_ms: number;
};

/** A named place of a form, and what its number must be like. */
export type FormField = {
  name: string;
  box: [number, number, number, number];
  length?: number | null;
  pattern?: string | null;
  allowed?: string | null;
};

/** One page of images. */
export type Gallery = {
  model: ModelName;
  split: string;
  is_sample: boolean;
  total: number;
  offset: number;
  images: Array<Thumbnail>;
};

/** What a reading shows, as a person says. */
export type GivenLabel = {
  label: number | "not_a_digit";
  writer?: string;
};

/** What the model read. */
export type GivenReading = {
  prediction: number | null;
  confidence: number;
  verdict: Verdict;
  not_a_digit?: number;
};

/** A form with a file of glyphs. */
export type GlyphFile = {
  file: string;
};

/** Either glyphs as lists of numbers, or pictures as base64. */
export type Glyphs = {
  version?: number | string;
  ambiguous_below?: number;
  not_a_digit_above?: number;
  glyphs?: Array<Array<any>>;
  images?: Array<string>;
};

/** The server is running. */
export type Health = {
  status: "ok";
};

/** An imported version. */
export type Imported = {
  version: number;
  name: string;
  personal?: string;
  created_at: string;
  recipe: string | null;
  parameters: number | null;
  metrics: Metrics;
  note: string;
  aliases: Array<string>;
  bytes: number;
  editable: boolean;
  deletable: boolean;
  remarks: Array<string>;
  links: SelfLink;
};

/** What became of the corrections of a file. */
export type ImportedCorrections = {
  count: number;
  added: number;
  merged: number;
  contradictions: number;
};

/** An error of the Open Inference Protocol. */
export type InferenceError = {
  error: string;
};

/** Inputs and outputs of a model. */
export type InferenceModel = {
  name: string;
  versions: Array<string>;
  platform: string;
  inputs: Array<TensorKind>;
  outputs: Array<TensorKind>;
};

/** Output of a model, with the id of the request if it had one. */
export type InferenceReply = {
  model_name: string;
  model_version: string;
  id?: string;
  outputs: Array<OutputTensor>;
};

/** Glyphs to read. */
export type InferenceRequest = {
  inputs: Array<InputTensor>;
  id?: string | null;
  outputs?: Array<WantedOutput> | null;
  parameters?: RequestParameters;
};

/** Name and version of the server. */
export type InferenceServer = {
  name: string;
  version: string;
  extensions: Array<string>;
};

/** A tensor in a request; its data are in the JSON, or follow it as bytes. */
export type InputTensor = {
  name: string;
  datatype: string;
  shape: Array<number>;
  data?: Array<any>;
  parameters?: TensorParameters;
};

/** An MNIST test image. */
export type LabelledImage = {
  index: number;
  label: number;
  image: string;
  is_sample: boolean;
};

/** Where to follow the training. */
export type Links = {
  self: string;
  status: string;
};

/** The server is running. */
export type Live = {
  live: boolean;
};

/** A sign that is not a digit, such as a slash. */
export type Mark = {
  kind: MarkKind;
  box: [number, number, number, number];
  confidence: number;
};

/** What a mark is: writing that is no digit. */
export type MarkKind = "closing_bracket" | "colon" | "comma" | "equals" | "hyphen" | "number_sign" | "opening_bracket" | "other" | "percent" | "plus" | "point" | "slash";

/** What is known about the times of the recipes. */
export type Measurement = "busy" | "measured" | "measuring" | "unavailable";

/** Metrics by split. */
export type Metrics = {
  validation?: SplitMetrics;
  test?: SplitMetrics;
  robustness?: Summary;
};

/** Summary of a model version. */
export type Model = {
  version: number;
  name: string;
  personal?: string;
  created_at: string;
  recipe: string | null;
  parameters: number | null;
  metrics: Metrics;
};

/** New name or note. */
export type ModelChanges = {
  name?: string | null;
  note?: string | null;
};

/** One version with its files, training and promotion check. */
export type ModelDetails = {
  version: number;
  name: string;
  personal?: string;
  created_at: string;
  recipe: string | null;
  parameters: number | null;
  metrics: Metrics;
  note: string;
  aliases: Array<string>;
  bytes: number;
  editable: boolean;
  deletable: boolean;
  run_id: number | null;
  imported_from: Origin | null;
  seed: number | null;
  temperature: number;
  thresholds: Thresholds;
  config: any;
  training: Training;
  files: Record<string, File>;
  gate: PromotionCheck | null;
};

/** A model version in the list. */
export type ModelEntry = {
  version: number;
  name: string;
  personal?: string;
  created_at: string;
  recipe: string | null;
  parameters: number | null;
  metrics: Metrics;
  note: string;
  aliases: Array<string>;
  bytes: number;
  editable: boolean;
  deletable: boolean;
};

/** All versions, newest first, the aliases, and versions that cannot be read. */
export type ModelList = {
  aliases: Record<string, number>;
  roll_back_to: number | null;
  models: Array<ModelEntry>;
  set_aside: Array<SetAside>;
};

/** Number and name of a model version. */
export type ModelName = {
  version: number;
  name: string;
  personal?: string;
};

/** Whether a model is ready. */
export type ModelReady = {
  name: string;
  ready: boolean;
};

/** Reason for a promotion or rollback, with safeguards. */
export type Move = {
  reason?: string | null;
  from?: number | null;
  confirm?: boolean | null;
};

/** A similar training image. */
export type Neighbour = {
  row: number;
  label: number;
  similarity: number;
  image: string;
};

/** An image and the label that a person gives. */
export type NewCorrection = {
  label: number | "not_a_digit";
  image?: string;
  glyph?: Array<Array<any>>;
  writer?: string;
  source?: "api" | "class" | "cli" | "import" | "page" | "sheet";
  strokes?: Array<Array<[number, number]>> | null;
  box?: [number, number, number, number];
  version?: number | string;
  reading?: GivenReading;
};

/** The reading of several digits (`mode` = number). */
export type Number = {
  number: string | null;
  confidence: number;
  verdict: NumberVerdict;
  digits: Array<DigitInNumber>;
  text: string | null;
  lines: Array<TextLine>;
  cells: Array<Cell>;
  marks: Array<Mark>;
  candidates: Array<NumberCandidate>;
  warnings: Array<Caution>;
  model: ModelName;
  elapsed_ms: number;
};

/** A possible number. */
export type NumberCandidate = {
  number: string;
  probability: number;
};

/** Verdict on a picture of several digits. */
export type NumberVerdict = "ambiguous" | "blank" | "not_a_number" | "number";

/** The version and the run that an archive was exported from. */
export type Origin = {
  version?: number | null;
  run_id?: number | null;
};

/** Parameters of an output. */
export type OutputParameters = {
  binary_data?: boolean | null;
  classification?: number | null;
};

/** A tensor; its data are in the JSON, or follow it as bytes. */
export type OutputTensor = {
  name: string;
  datatype: string;
  shape: Array<number>;
  data?: Array<number>;
  parameters?: Record<string, number>;
};

/** The readings of an hour or a day that are not blank. */
export type Period = {
  start: string;
  readings: number;
  doubtful: number;
  ink: number | null;
};

/** How the examples are read. */
export type PersonalFigures = {
  right_before: number;
  right_after: number;
};

/** A personal model. */
export type PersonalModel = {
  writer: string;
  base_version: number;
  created_at: string;
  examples: number;
  corrections: Array<number>;
  figures: PersonalFigures;
  is_outdated: boolean;
};

/** All personal models, by name. */
export type PersonalModelList = {
  models: Array<PersonalModel>;
  fewest_examples: number;
};

/** Whose corrections to learn from. */
export type PersonalQuestion = {
  writer: string;
};

/** Progress of the running training; metrics are null until they are known. */
export type Progress = {
  run_id: number;
  status: RunStatus;
  epoch: number;
  epochs: number;
  train_loss: number | null;
  train_accuracy: number | null;
  validation_loss: number | null;
  validation_accuracy: number | null;
  fraction: number;
  images_per_s: number | null;
  eta_s: number | null;
  message: string;
};

/** One move of an alias from the version `previous` to `version`: when, by whom, and why. */
export type Promotion = {
  id: number;
  alias: string;
  version: number;
  previous: number;
  at: string;
  actor: string;
  reason: string;
  is_rollback?: boolean;
};

/** The result of a promotion check. */
export type PromotionCheck = {
  champion: number;
  challenger: number;
  passed: boolean;
  summary: string;
  reason: string;
  checks: Array<Check>;
  left_out: Array<string>;
  advice?: string;
};

/** Promotions and rollbacks, newest first. */
export type Promotions = {
  promotions: Array<Promotion>;
};

/** An uncertain reading that waits for a label. */
export type Proposal = {
  id: number;
  created_at: string;
  glyph: string;
  reading: GivenReading;
  model_version: number;
};

/** The most informative readings, best first. */
export type Proposals = {
  is_on: boolean;
  count: number;
  most: number;
  days: number;
  proposals: Array<Proposal>;
};

/** How many corrections were deleted. */
export type Purged = {
  deleted: number;
  seen_by: Array<number>;
};

/** An image and the way to read it; only mode number uses what follows `mode`. */
export type Question = {
  version?: number | string;
  ambiguous_below?: number;
  not_a_digit_above?: number;
  image: string;
  mode?: "digit" | "number";
  personal?: string;
  strokes?: Array<Array<[number, number]>> | null;
  length?: number;
  pattern?: string;
  allowed?: string;
  fields?: Array<FormField>;
};

/** A form with an image and the way to read it; only mode number uses what follows `mode`. */
export type QuestionForm = {
  version?: number | string;
  ambiguous_below?: number;
  not_a_digit_above?: number;
  file: string;
  mode?: "digit" | "number";
  personal?: string;
  strokes?: string;
  length?: number;
  pattern?: string;
  allowed?: string;
  fields?: string;
};

/** What was read on a sheet, and how much of it was stored. */
export type ReadSheet = {
  cells: Array<CellOfSheet>;
  counts: Record<string, number>;
  stored: number;
  merged: number;
  contradictions: number;
};

/** The server can read; `warnings` says what else does not work. */
export type Readiness = {
  status: "ready";
  warnings: Array<string>;
};

/** The reading of one digit. */
export type Reading = {
  prediction: number | null;
  confidence: number;
  probabilities: Array<number>;
  verdict: Verdict;
  not_a_digit: number;
  candidates: Array<number>;
  warnings: Array<Caution>;
  model: ModelName;
  elapsed_ms: number;
  glyph?: string | null;
  steps?: Array<Step>;
};

/** Whether the server is ready. */
export type Ready = {
  ready: boolean;
};

/** A recipe and its settings. */
export type Recipe = {
  name: string;
  summary: string;
  values: any;
};

/** How long the training of each recipe takes on this machine. */
export type RecipeTimes = {
  state: Measurement;
  seconds: Record<string, number>;
};

/** A version in the repository. */
export type RepositoryEntry = {
  name: string;
  version: string;
  state: string;
  reason: string;
};

/** Filter for the list of model versions. */
export type RepositoryQuestion = {
  ready?: boolean;
};

/** Parameters of the whole request. */
export type RequestParameters = {
  binary_data_output?: boolean;
};

/** State and result of a training. */
export type Run = {
  run_id: number;
  status: RunStatus;
  waiting: boolean;
  message: string;
  model_version: number | null;
  recipe: string | null;
  seed: number | null;
  planned_epochs: number | null;
  summary: RunSummary | null;
  trial: Trial | null;
  created_at: string;
  started_at: string | null;
  finished_at: string | null;
};

/** One training with its settings and epochs. */
export type RunDetails = {
  run_id: number;
  status: RunStatus;
  waiting: boolean;
  message: string;
  model_version: number | null;
  recipe: string | null;
  seed: number | null;
  planned_epochs: number | null;
  summary: RunSummary | null;
  trial: Trial | null;
  created_at: string;
  started_at: string | null;
  finished_at: string | null;
  config: any;
  environment: any | null;
  epochs: Array<EpochResult>;
};

/** One line of a training's log. */
export type RunEvent = {
  id: number;
  kind: "batch" | "epoch" | "evaluation" | "message" | "phase" | "status" | "step";
  at: string;
  data: any;
};

/** Everything about a training. */
export type RunFile = {
  run_id: number;
  status: RunStatus;
  waiting: boolean;
  message: string;
  model_version: number | null;
  recipe: string | null;
  seed: number | null;
  planned_epochs: number | null;
  summary: RunSummary | null;
  trial: Trial | null;
  created_at: string;
  started_at: string | null;
  finished_at: string | null;
  config: any;
  environment: any | null;
  events: Array<RunEvent>;
};

/** Part of the log of a training. */
export type RunLog = {
  run: Run;
  events: Array<RunEvent>;
};

/** One page of trainings, newest first. */
export type RunPage = {
  runs: Array<Run>;
  next: string | null;
};

/** Status of a training; all but queued and running are final. */
export type RunStatus = "cancelled" | "failed" | "interrupted" | "pruned" | "queued" | "running" | "succeeded";

/** Latest metrics of a training. */
export type RunSummary = {
  epoch: number;
  validation_loss: number;
  validation_accuracy: number;
};

/** Evidence for a digit, in nats, for each of 28x28 pixels. */
export type Saliency = {
  digit: number;
  ink: Array<Array<number>>;
  gaps: Array<Array<number>>;
};

/** Where to find the version. */
export type SelfLink = {
  self: string;
};

/** One server-sent event of a training. */
export type SentEvent = {
  id?: string;
  event?: string;
  data?: string;
};

/** A version that cannot be read. */
export type SetAside = {
  folder: string;
  reason: string;
};

/** One setting of a training: default, bounds, unit, choices. */
export type Setting = {
  name: string;
  default: string | number | number;
  type: "float" | "int" | "str";
  help: string;
  low: number | null;
  high: number | null;
  unit: string;
  choices: Array<string>;
  among: Array<number>;
};

/** A form with a picture of a sheet. */
export type SheetForm = {
  file: string;
  writer?: string;
  store?: "ready";
};

/** A picture of a sheet, and what to store. */
export type SheetPicture = {
  image: string;
  writer?: string;
  store?: "ready" | Array<number>;
  labels?: Array<CellLabel>;
};

/** A reading that was skipped. */
export type SkippedProposal = {
  deleted: number;
};

/** Metrics on one split. */
export type SplitMetrics = {
  images?: number;
  correct?: number;
  accuracy?: number;
  nll?: number;
  ece?: number;
};

/** A new training. */
export type Started = {
  run_id: number;
  status: RunStatus;
  links: Links;
};

/** The model in production and the progress of training. */
export type State = {
  status: "no_model" | "ready" | "training";
  model: Model | null;
  training: Progress | null;
  last_run: Run | null;
};

/** One step of the preprocessing. */
export type Step = {
  name: string;
  image: string;
};

/** A correction. */
export type StoredCorrection = {
  id: number;
  label: number | "not_a_digit";
  writer: string;
  source: "api" | "class" | "cli" | "import" | "page" | "sheet";
  created_at: string;
  changed_at: string;
  times: number;
  glyph: string;
  glyph_sha256: string;
  has_image: boolean;
  reading: GivenReading | null;
  model_version: number | null;
  contradicts: Array<number>;
};

/** Main figures of the robustness table: goals reached and three results. */
export type Summary = {
  goals: number;
  goals_reached: number;
  pen_digits_mean?: number | null;
  characters_auroc?: number | null;
  corruptions_mean?: number | null;
};

/** The version that taught a network. */
export type Teacher = {
  name: string;
  architecture: Architecture;
  command: string;
};

/** An input or output tensor; -1 means any number of glyphs. */
export type TensorKind = {
  name: string;
  datatype: string;
  shape: Array<number>;
};

/** Parameters of a tensor; those of other servers are ignored. */
export type TensorParameters = {
  binary_data_size?: number | null;
  shared_memory_region?: string | null;
};

/** One line of writing. */
export type TextLine = {
  number: string;
  text: string;
  confidence: number;
  box: [number, number, number, number];
};

/** The thresholds between the verdicts. */
export type Thresholds = {
  ambiguous_below: number;
  not_a_digit_above?: number;
};

/** One image in the list. */
export type Thumbnail = {
  index: number;
  row: number;
  label: number;
  disputed: boolean;
  prediction: number;
  confidence: number;
  verdict: Verdict;
  image: string;
};

/** All settings of one training.  The defaults are the recipe `classic`. */
export type TrainConfig = {
  recipe?: "classic" | "lightning" | "fast" | "standard" | "best" | "handwriting" | "corrections";
  epochs?: number;
  patience?: number;
  batch_size?: number;
  optimizer?: "adamw" | "muon";
  learning_rate?: number;
  weight_decay?: number;
  schedule?: "one_cycle" | "triangle" | "cosine" | "constant";
  warmup_fraction?: number;
  beta1?: number;
  beta2?: number;
  muon_momentum?: number;
  label_smoothing?: number;
  ema_decay?: number;
  patch?: 1 | 2 | 4;
  conv1_channels?: number;
  conv2_channels?: number;
  conv1_kernel?: 1 | 3 | 5 | 7 | 9;
  conv2_kernel?: 1 | 3 | 5 | 7 | 9;
  conv1_layers?: number;
  conv2_layers?: number;
  hidden_units?: number;
  conv_dropout?: number;
  hidden_dropout?: number;
  rotation_degrees?: number;
  translation?: number;
  scale_low?: number;
  scale_high?: number;
  elastic_px?: number;
  slant_degrees?: number;
  aspect?: number;
  style_probability?: number;
  width_probability?: number;
  spoil_probability?: number;
  augmentation_probability?: number;
  template_share?: number;
  pen_share?: number;
  erasing_probability?: number;
  cutout_px?: number;
  cutout_probability?: number;
  outlier_share?: number;
  corrections_share?: number;
  passes?: number;
  plain_epochs?: number;
  teacher?: number;
  teacher_weight?: number;
  train_images?: number;
  seed?: number;
  device?: "auto" | "cpu" | "cuda" | "mps";
  precision?: "auto" | "float32" | "bfloat16";
  threads?: number;
  promote?: "if_better" | "never";
};

/** Facts about the training: images, epochs, duration, device, teacher. */
export type Training = {
  images?: number;
  epochs?: number;
  best_epoch?: number;
  stopped_early?: boolean;
  cancelled?: boolean;
  elapsed_s?: number;
  device?: string;
  precision?: string;
  members?: Array<number>;
  seeds?: Array<number | null>;
  corrections?: Corrections;
  teachers?: Array<Teacher>;
};

/** The settings of a training, and the recipes. */
export type TrainingOptions = {
  fields: Array<Setting>;
  recipes: Array<Recipe>;
};

/** The part of a run in a search. */
export type Trial = {
  search: string;
  number: number;
  stage: "final" | "search";
  values: any;
  losses: Array<number>;
  loss: number | null;
};

/** Verdict on a drawing of one digit. */
export type Verdict = "ambiguous" | "blank" | "digit" | "not_a_digit";

/** Number of images by verdict. */
export type VerdictCounts = {
  digit: number;
  ambiguous: number;
  not_a_digit: number;
};

/** An output that the client wants. */
export type WantedOutput = {
  name: string;
  parameters?: OutputParameters;
};

/** A writer and the number of corrections. */
export type WriterCount = {
  name: string;
  count: number;
};
