// The model as a methodologist writes it from textbook practice: autoregressions from non-centred
// innovations run forwards, non-centred pooling, priors on the parameters' own scale, one
// vectorised statement a family. Nothing here knows of the data's geometry.
//
// Positions in the data count from one; a series' month t stands at (s - 1) T + t of a flat vector.
functions {
  // A stationary AR(1) with unit variance, shape (T), from standard normal innovations.
  vector autoregression(vector innovation, real half_life) {
    int T = rows(innovation);
    real phi = exp(-log2() / half_life);
    vector[T] series = sqrt(1 - square(phi)) * innovation;
    series[1] = innovation[1];
    for (t in 2 : T) series[t] += phi * series[t - 1];
    return series;
  }

  vector soft_absolute(vector value, real width) {
    return sqrt(square(value) + square(width)) - width;
  }
}
data {
  int<lower=1> T; // months
  int<lower=1> N; // rows
  int<lower=1> K; // indicators
  int<lower=1> I; // items
  int<lower=1> G; // groups
  int<lower=0> P; // pairs: items put in the same words to both publics
  int<lower=1> D; // drivers
  int<lower=1> R; // rivals
  int<lower=1> L; // governments
  int<lower=2> A; // administrations
  int<lower=1> E; // indicators with an own error
  int<lower=1> M; // seasonal indicators
  int<lower=1> C; // covariate terms
  int<lower=1> O; // survey modes
  int<lower=1> W; // waves
  int<lower=1> N_normal, N_student, N_beta, N_binomial;

  // Rows, in the order normal, Student-t, beta-binomial, binomial.
  vector[N] y;
  array[N] int y_count;
  array[N] int n;
  array[N] int<lower=1> row_state; // position of the row's first month in the flat states
  array[N] int<lower=1> row_months;
  array[N] int<lower=1> row_indicator;
  vector[N] oriented;
  array[N, 3] int<lower=1> nuisance_cell; // 1 means none
  matrix[N, C] covariate_design;

  // Rows whose own error goes on from that of a row before.
  int<lower=1> N_chained;
  array[N_chained] int<lower=1> chained, previous, chained_own;
  vector[N_chained] gap;

  // Indicators and items.
  array[K] int<lower=1> item, group_of_indicator;
  array[I] int<lower=1> group_of_item;
  array[P, 2] int<lower=1> pair; // the first member's indicator, the second's
  array[E] int<lower=1> own_error;
  array[K - E] int<lower=1> pooled_noise; // indicators without an own error

  // Months.
  matrix[T, D] driver_stock;
  matrix[T, R] rival_stock;
  matrix[T, L] government_months;
  matrix[T, A] administration_months;

  // Priors: mean and sd, or median and sd of the logarithm; one number is an sd.
  vector[2] coefficient_prior, rival_effect_prior, administration_effect_prior, correlation_prior,
    second_member_level_prior, driver_loading_prior, intercept_prior, mode_offset_prior,
    covariate_effect_prior, administration_deviation_sd_prior, half_life_threat_prior,
    half_life_credibility_prior, half_life_cohesion_prior, second_member_scale_prior,
    credibility_series_sd_prior, loading_mean_prior, loading_spread_prior, noise_mean_prior,
    noise_spread_prior, series_noise_prior, own_error_half_life_prior, wave_sd_prior;
  real<lower=0> government_sd_prior, season_prior, member_deviation_prior, student_t_noise_df;
  real<lower=0> softabs_width;
}
transformed data {
  int first_beta = N_normal + N_student + 1;
  int first_binomial = first_beta + N_beta;
  array[N_normal] int normal_rows = linspaced_int_array(N_normal, 1, N_normal);
  array[N_student] int student_rows
    = linspaced_int_array(N_student, N_normal + 1, N_normal + N_student);
  array[N_beta] int beta_rows = linspaced_int_array(N_beta, first_beta, first_binomial - 1);
  array[N_binomial] int binomial_rows = linspaced_int_array(N_binomial, first_binomial, N);
  int N_long = 0;
  for (i in 1 : N) N_long += row_months[i] > 1;
  array[N_long] int long_rows = sort_indices_desc(row_months)[1 : N_long];
}
parameters {
  // States.
  real<lower=0> half_life_threat;
  real<lower=0> half_life_credibility;
  real<lower=0> half_life_cohesion;
  vector[2] correlation_z;
  vector[2] second_member_level;
  vector<lower=0>[2] second_member_scale;
  array[2] vector[D] driver_loading;
  vector[A] administration_effect;
  real<lower=0> administration_deviation_sd;
  array[2] vector[A] administration_deviation_raw;
  real<lower=0> credibility_series_sd;
  vector[R] rival_effect;
  real<lower=0> government_sd;
  vector[L] government_effect_raw;
  vector[4] coefficient;
  array[2] vector[T] first_innovation;
  array[2] vector[T] second_innovation;
  vector[T] cohesion_innovation;

  // Measurement.
  vector<lower=0>[G] loading_mean;
  vector<lower=0>[G] loading_spread;
  vector[I] loading_raw;
  array[2] vector[P] loading_deviation_raw;
  vector<lower=0>[G] noise_mean;
  vector<lower=0>[G] noise_spread;
  vector[K - E] noise_raw;
  vector<lower=0>[E] series_noise;
  vector<lower=0>[E] own_error_half_life;
  vector[I] item_intercept;
  array[2] vector[P] intercept_deviation_raw;
  vector[O] mode_offset;
  array[M] sum_to_zero_vector[12] season;
  real<lower=0> wave_sd;
  vector[W] wave_error_raw;
  vector[C] covariate_effect;
  vector[N_binomial] observation_logit;
}
transformed parameters {
  vector[2] correlation = tanh(correlation_z);
  array[2] vector[A] administration_deviation;
  vector[L] government_effect = government_sd * government_effect_raw;
  vector[W] wave_error = wave_sd * wave_error_raw;
  vector[K] loading;
  vector[K] noise;
  vector[K] intercept = item_intercept[item];
  array[2] vector[T] threat;
  array[2] vector[T] credibility;
  vector[T] cohesion;

  // Measurement.
  {
    vector[I] log_item
      = log(loading_mean)[group_of_item] + loading_spread[group_of_item] .* loading_raw;
    vector[K] log_loading = log_item[item];
    for (m in 1 : 2) {
      log_loading[pair[ : , m]] += member_deviation_prior * loading_deviation_raw[m];
      intercept[pair[ : , m]] += member_deviation_prior * intercept_deviation_raw[m];
    }
    loading = exp(log_loading);
    noise[pooled_noise] = exp(log(noise_mean)[group_of_indicator[pooled_noise]]
                              + noise_spread[group_of_indicator[pooled_noise]] .* noise_raw);
    noise[own_error] = series_noise;
  }

  // Threat and credibility: pairs of correlated autoregressions around what moves them.
  for (m in 1 : 2) {
    administration_deviation[m] = administration_deviation_sd * administration_deviation_raw[m];
    threat[m] = driver_stock * driver_loading[m];
    credibility[m] = administration_months * (administration_effect + administration_deviation[m]);
  }
  {
    vector[T] first = autoregression(first_innovation[1], half_life_threat);
    vector[T] second = autoregression(second_innovation[1], half_life_threat);
    threat[1] += first;
    threat[2] += second_member_level[1]
                 + second_member_scale[1]
                   * (correlation[1] * first + sqrt(1 - square(correlation[1])) * second);
  }
  {
    vector[T] first = autoregression(first_innovation[2], half_life_credibility);
    vector[T] second = autoregression(second_innovation[2], half_life_credibility);
    credibility[1] += credibility_series_sd * first;
    credibility[2] += second_member_level[2]
                      + credibility_series_sd * second_member_scale[2]
                        * (correlation[2] * first + sqrt(1 - square(correlation[2])) * second);
  }

  // Cohesion adjusts to its long-run level.
  {
    real phi = exp(-log2() / half_life_cohesion);
    vector[T] long_run
      = 0.5 * (coefficient[1] * (threat[1] + threat[2])
               - coefficient[2] * soft_absolute(threat[1] - threat[2], softabs_width)
               + coefficient[3] * (credibility[1] + credibility[2])
               - coefficient[4] * soft_absolute(credibility[1] - credibility[2], softabs_width))
        + rival_stock * rival_effect + government_months * government_effect;
    vector[T] moved
      = (1 - phi) * long_run + sqrt(1 - square(phi)) * cohesion_innovation;
    cohesion[1] = long_run[1] + cohesion_innovation[1];
    for (t in 2 : T) cohesion[t] = phi * cohesion[t - 1] + moved[t];
  }
}
model {
  vector[1 + O + 12 * M + W] cells;
  cells[1] = 0;
  cells[2 : 1 + O] = mode_offset;
  for (m in 1 : M) cells[2 + O + 12 * (m - 1) : 1 + O + 12 * m] = season[m];
  cells[2 + O + 12 * M : ] = wave_error;

  // A row sees the mean of its state over its months.
  vector[5 * T] states = append_row(append_row(append_row(threat[1], threat[2]),
                                               append_row(credibility[1], credibility[2])),
                                    cohesion);
  vector[N] state = states[row_state];
  for (i in long_rows) state[i] = mean(segment(states, row_state[i], row_months[i]));
  vector[N] predictor = intercept[row_indicator] + oriented .* loading[row_indicator] .* state
                        + cells[nuisance_cell[ : , 1]] + cells[nuisance_cell[ : , 2]]
                        + cells[nuisance_cell[ : , 3]] + covariate_design * covariate_effect;

  // The own error of a monthly indicator goes on from the row before.
  vector[N] centre = predictor;
  vector[N] scale = noise[row_indicator];
  vector[N_chained] decay = exp(-log2() * (gap ./ own_error_half_life[chained_own]));
  centre[chained] += decay .* (y[previous] - predictor[previous]);
  scale[chained] .*= sqrt(1 - square(decay));

  // States.
  half_life_threat ~ lognormal(log(half_life_threat_prior[1]), half_life_threat_prior[2]);
  half_life_credibility
    ~ lognormal(log(half_life_credibility_prior[1]), half_life_credibility_prior[2]);
  half_life_cohesion ~ lognormal(log(half_life_cohesion_prior[1]), half_life_cohesion_prior[2]);
  correlation_z ~ normal(correlation_prior[1], correlation_prior[2]);
  second_member_level ~ normal(second_member_level_prior[1], second_member_level_prior[2]);
  second_member_scale ~ lognormal(log(second_member_scale_prior[1]), second_member_scale_prior[2]);
  administration_effect ~ normal(administration_effect_prior[1], administration_effect_prior[2]);
  administration_deviation_sd
    ~ lognormal(log(administration_deviation_sd_prior[1]), administration_deviation_sd_prior[2]);
  credibility_series_sd
    ~ lognormal(log(credibility_series_sd_prior[1]), credibility_series_sd_prior[2]);
  for (m in 1 : 2) {
    driver_loading[m] ~ normal(driver_loading_prior[1], driver_loading_prior[2]);
    administration_deviation_raw[m] ~ std_normal();
    first_innovation[m] ~ std_normal();
    second_innovation[m] ~ std_normal();
  }
  rival_effect ~ normal(rival_effect_prior[1], rival_effect_prior[2]);
  government_sd ~ normal(0, government_sd_prior);
  government_effect_raw ~ std_normal();
  coefficient ~ normal(coefficient_prior[1], coefficient_prior[2]);
  cohesion_innovation ~ std_normal();

  // Measurement.
  loading_mean ~ lognormal(log(loading_mean_prior[1]), loading_mean_prior[2]);
  loading_spread ~ lognormal(log(loading_spread_prior[1]), loading_spread_prior[2]);
  loading_raw ~ std_normal();
  noise_mean ~ lognormal(log(noise_mean_prior[1]), noise_mean_prior[2]);
  noise_spread ~ lognormal(log(noise_spread_prior[1]), noise_spread_prior[2]);
  noise_raw ~ std_normal();
  series_noise ~ lognormal(log(series_noise_prior[1]), series_noise_prior[2]);
  own_error_half_life ~ lognormal(log(own_error_half_life_prior[1]), own_error_half_life_prior[2]);
  item_intercept ~ normal(intercept_prior[1], intercept_prior[2]);
  for (m in 1 : 2) {
    loading_deviation_raw[m] ~ std_normal();
    intercept_deviation_raw[m] ~ std_normal();
  }
  mode_offset ~ normal(mode_offset_prior[1], mode_offset_prior[2]);
  for (m in 1 : M) season[m] ~ normal(0, season_prior);
  wave_sd ~ lognormal(log(wave_sd_prior[1]), wave_sd_prior[2]);
  wave_error_raw ~ std_normal();
  covariate_effect ~ normal(covariate_effect_prior[1], covariate_effect_prior[2]);

  // Rows, a statement a family.
  y[normal_rows] ~ normal(centre[normal_rows], scale[normal_rows]);
  y[student_rows] ~ student_t(student_t_noise_df, centre[student_rows], scale[student_rows]);
  {
    vector[N_beta] concentration = 4 * inv_square(scale[beta_rows]);
    vector[N_beta] share = inv_logit(centre[beta_rows]);
    y_count[beta_rows]
      ~ beta_binomial(n[beta_rows], concentration .* share, concentration .* (1 - share));
  }
  observation_logit ~ normal(centre[binomial_rows], scale[binomial_rows]);
  y_count[binomial_rows] ~ binomial_logit(n[binomial_rows], observation_logit);
}
generated quantities {
  vector[3] half_life = [half_life_threat, half_life_credibility, half_life_cohesion]';
  vector[P] member_loading = 0.5 * log(loading[pair[ : , 1]] ./ loading[pair[ : , 2]]);
  vector[P] member_intercept = 0.5 * (intercept[pair[ : , 1]] - intercept[pair[ : , 2]]);
}
