// The model in the coordinates that bayes_alliance samples, free parameter by free parameter: the
// series given what the rows say of them (a tridiagonal Gaussian with its log Jacobian), loadings
// and noise between centred and non-centred, intercepts where their data are. Order and names of
// the parameters are those of the PyMC model's value variables. Every parameter is unconstrained.
//
// Positions in the data count from one; a series' month t stands at (s - 1) T + t of a flat vector.
functions {
  // A log-normal number or numbers from standard normal ones, given median and sd of the logarithm.
  real positive(real raw, vector prior) {
    return exp(log(prior[1]) + prior[2] * raw);
  }
  vector positive(vector raw, vector prior) {
    return exp(log(prior[1]) + prior[2] * raw);
  }

  // Raw numbers to numbers that sum to zero, in a reflected orthonormal basis: unit Jacobian.
  vector sum_to_zero(vector raw) {
    int n = rows(raw) + 1;
    real total = sum(raw);
    real shift = total / (sqrt(n) + n);
    return append_row(raw, shift - total / sqrt(n)) - shift;
  }

  // A unit AR(1) from standard normal coordinates, given a Gaussian likelihood of its state
  // path + scale * series with tridiagonal precision; and the log Jacobian of this map.
  tuple(vector, real) conditional_series(vector white, real phi, vector path, real scale,
                                         vector precision, vector coupling, vector linear) {
    int T = rows(white);
    real odds = inv((1 - phi) * (1 + phi));
    vector[T - 1] between = head(coupling, T - 1);
    vector[T] pull = linear - precision .* path;
    pull[1 : T - 1] -= between .* path[2 : T];
    pull[2 : T] -= between .* path[1 : T - 1];
    vector[T] right = scale * pull;
    vector[T] pivot = square(scale) * precision + (1 + square(phi)) * odds;
    pivot[1] -= square(phi) * odds;
    pivot[T] -= square(phi) * odds;
    vector[T - 1] beside = square(scale) * between - phi * odds;
    vector[T - 1] ratio;
    for (t in 2 : T) {
      ratio[t - 1] = beside[t - 1] / pivot[t - 1];
      pivot[t] -= beside[t - 1] * ratio[t - 1];
      right[t] -= ratio[t - 1] * right[t - 1];
    }
    vector[T] series = right ./ pivot + white ./ sqrt(pivot);
    for (k in 1 : T - 1) {
      int t = T - k;
      series[t] -= ratio[t] * series[t + 1];
    }
    return (series, -0.5 * sum(log(pivot)));
  }

  // Log density of a stationary AR(1) with unit variance.
  real unit_autoregression_lpdf(vector series, real half_life) {
    int T = rows(series);
    real phi = exp(-log2() / half_life);
    real spread = sqrt(-expm1(-2 * log2() / half_life));
    return std_normal_lpdf(series[1])
           + normal_lpdf(series[2 : T] | phi * series[1 : T - 1], spread);
  }

  vector soft_absolute(vector value, real width) {
    return sqrt(square(value) + square(width)) - width;
  }

  // Stirling's series of log gamma, what is beyond its leading terms; good to 1e-11 from 8 on.
  vector stirling(vector a) {
    vector[rows(a)] square_inverse = inv_square(a);
    return (1.0 / 12 - square_inverse .* (1.0 / 360 - square_inverse .* (1.0 / 1260
            - square_inverse / 1680))) ./ a;
  }

  // Log gamma of a + k less log gamma of a, no digits lost where a is huge.
  vector log_rising(vector a, vector k) {
    vector[rows(a)] above = a + k;
    vector[rows(a)] lifted = a ./ above;
    for (i in 1 : 7) lifted .*= (a + i) ./ (above + i);
    return log(lifted) + (a + 7.5) .* log1p(k ./ (a + 8)) + k .* (log(above + 8) - 1)
           + stirling(above + 8) - stirling(a + 8);
  }

  // Log probability, up to a constant, of counts whose share is beta distributed. Stan's own
  // beta_binomial_lpmf subtracts log beta functions: at a noise of 1e-10 the difference of two
  // numbers of 1e20 is rounding error, thousands above the truth, and a chain stays there.
  real overdispersed_lpdf(vector count, vector n, vector predictor, vector noise) {
    vector[rows(count)] concentration = 4 * inv_square(noise);
    return sum(log_rising(concentration .* inv_logit(predictor), count))
           + sum(log_rising(concentration .* inv_logit(-predictor), n - count))
           - sum(log_rising(concentration, n));
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
  vector[N] link_value, variance_base, variance_slope;

  // Rows whose own error goes on from that of a row before.
  int<lower=1> N_chained;
  array[N_chained] int<lower=1> chained, previous, chained_own;
  vector[N_chained] gap;

  // Sparse sums over rows into the flat states: of rows then chained rows at the month before.
  int<lower=1> N_told, N_beside;
  array[N_told] int<lower=1> told_column;
  array[5 * T + 1] int<lower=1> told_start;
  array[N_beside] int<lower=1> beside_column;
  array[5 * T + 1] int<lower=1> beside_start;

  // Indicators and items.
  array[K] int<lower=1> item, group_of_indicator;
  array[I] int<lower=1> group_of_item, item_series;
  array[P, 2] int<lower=1> pair; // the first member's indicator, the second's
  vector[I] paired_item, item_orientation, item_centring;
  vector[K] indicator_centring;
  array[E] int<lower=1> own_error;
  int<lower=1> reference_item;
  matrix[I, T] item_months;

  // Months.
  matrix[T, D] driver_stock;
  matrix[T, R] rival_stock;
  matrix[T, L] government_months;
  matrix[T, A] administration_months;
  matrix[A, A] administration_basis;
  matrix[I, I] intercept_basis;
  matrix[L, L] government_basis;
  vector[L] government_information;

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
  vector[N_beta] beta_count = to_vector(y_count[beta_rows]);
  vector[N_beta] beta_n = to_vector(n[beta_rows]);
  array[N_binomial] int binomial_rows = linspaced_int_array(N_binomial, first_binomial, N);
  // What drives the states, at the mean over each item's rows.
  matrix[I, D] item_driver = item_months * driver_stock;
  matrix[I, A] item_administration = item_months * administration_months;
  matrix[I, R] item_rival = item_months * rival_stock;
  matrix[I, L] item_government = item_months * government_months;
  vector[I] intercept_spread
    = sqrt(square(intercept_prior[2]) + 0.5 * square(member_deviation_prior) * paired_item);
  vector[N_told] ones_told = rep_vector(1, N_told);
  vector[N_beside] ones_beside = rep_vector(1, N_beside);
  int N_long = 0;
  for (i in 1 : N) N_long += row_months[i] > 1;
  array[N_long] int long_rows = sort_indices_desc(row_months)[1 : N_long];
}
parameters {
  vector[G] loading_mean_raw;
  vector[G] loading_spread_raw;
  vector[I] loading_between;
  vector[P] member_loading;
  real half_life_threat_raw;
  real half_life_credibility_raw;
  real half_life_cohesion_raw;
  vector[2] correlation_z;
  vector[2] second_member_level;
  vector[2] second_member_scale_raw;
  array[2] vector[D] driver_loading;
  real administration_level_raw;
  vector[A - 1] administration_contrast_scaled;
  real administration_deviation_sd_raw;
  array[2] vector[A] administration_deviation_raw;
  real credibility_series_sd_raw;
  vector[R] rival_effect;
  real government_sd_z;
  vector[L] government_effect_raw;
  vector[E] own_error_half_life_raw;
  vector[G] noise_mean_raw;
  vector[G] noise_spread_raw;
  vector[K] noise_between;
  vector[E] series_noise_log;
  vector[I] intercept_at_mean;
  vector[P] member_intercept;
  vector[O] mode_offset;
  array[M] vector[11] season_zerosum;
  real wave_sd_raw;
  vector[W] wave_error_raw;
  vector[C] covariate_effect;
  array[2] vector[T] first_series_white;
  array[2] vector[T] second_series_white;
  vector[4] coefficient;
  vector[T] cohesion_residual_white;
  vector[N_binomial] observation_logit;
}
transformed parameters {
  // Everything a fit reports; what only serves the density is local to the block below.
  vector[G] loading_mean = positive(loading_mean_raw, loading_mean_prior);
  vector[G] loading_spread = positive(loading_spread_raw, loading_spread_prior);
  vector[K] loading;
  real half_life_threat = positive(half_life_threat_raw, half_life_threat_prior);
  real half_life_credibility = positive(half_life_credibility_raw, half_life_credibility_prior);
  real half_life_cohesion = positive(half_life_cohesion_raw, half_life_cohesion_prior);
  vector[3] half_life = [half_life_threat, half_life_credibility, half_life_cohesion]';
  vector[2] correlation = tanh(correlation_z);
  vector[2] second_member_scale = positive(second_member_scale_raw, second_member_scale_prior);
  vector[A] administration_effect;
  real administration_deviation_sd
    = positive(administration_deviation_sd_raw, administration_deviation_sd_prior);
  array[2] vector[A] administration_deviation;
  real credibility_series_sd = positive(credibility_series_sd_raw, credibility_series_sd_prior);
  vector[L] government_effect;
  vector[E] own_error_half_life = positive(own_error_half_life_raw, own_error_half_life_prior);
  vector[G] noise_mean = positive(noise_mean_raw, noise_mean_prior);
  vector[G] noise_spread = positive(noise_spread_raw, noise_spread_prior);
  vector[K] noise;
  vector[K] intercept;
  array[M] vector[12] season;
  real wave_sd = positive(wave_sd_raw, wave_sd_prior);
  vector[W] wave_error = wave_sd * wave_error_raw;
  array[2] vector[T] threat;
  array[2] vector[T] credibility;
  vector[T] cohesion;

  // Log density of all that is not a plain prior, with the log Jacobians. The steps towards it are
  // local: what is declared above is written with every draw.
  real log_density;
  {
    // Governments: in their own directions, narrower the more the data tell of one.
    {
      vector[L] width = sqrt(1 + square(government_sd_z) * government_information);
      government_effect = government_sd_prior * government_sd_z
                          * (government_basis * (government_effect_raw ./ width));
      log_density = normal_lpdf(government_effect_raw | 0, width);
    }

    // Loadings: partly centred, their far values bent; a pair is its mean and half its difference.
    vector[I] item_loading;
    {
      vector[I] centre = log(loading_mean)[group_of_item];
      vector[I] spread = sqrt(square(loading_spread)[group_of_item]
                              + 0.5 * square(member_deviation_prior) * paired_item);
      vector[I] sampled_centre = item_centring .* centre;
      vector[I] sampled_scale = exp(item_centring .* log(spread));
      vector[I] straight = (spread ./ sampled_scale) .* (loading_between - sampled_centre);
      vector[I] log_item = centre + 2 * asinh(0.5 * straight);
      item_loading = exp(log_item);
      vector[K] log_loading = log_item[item];
      log_loading[pair[ : , 1]] += member_loading;
      log_loading[pair[ : , 2]] -= member_loading;
      loading = exp(log_loading);
      log_density += normal_lpdf(log_item | centre, spread) + sum(log(spread ./ sampled_scale))
                     - 0.5 * sum(log1p(0.25 * square(straight)));
    }

    // Noise likewise; an own error's is sampled as its monthly innovation.
    {
      vector[K] centre = log(noise_mean)[group_of_indicator];
      vector[K] spread = noise_spread[group_of_indicator];
      vector[K] sampled_centre = indicator_centring .* centre;
      vector[K] sampled_scale = exp(indicator_centring .* log(spread));
      noise = exp(centre + (spread ./ sampled_scale) .* (noise_between - sampled_centre));
      vector[E] shift = 0.5 * log(-expm1(-2 * log2() ./ own_error_half_life));
      noise[own_error] = exp(series_noise_log - shift);
      log_density += normal_lpdf(noise_between | sampled_centre, sampled_scale)
                     + normal_lpdf(series_noise_log | log(series_noise_prior[1]) + shift,
                                   series_noise_prior[2]);
    }

    // Administrations: common level and contrasts, these in units of the reference loading.
    real reference = item_loading[reference_item];
    administration_effect
      = administration_effect_prior[1]
        + administration_effect_prior[2]
          * (administration_basis
             * append_row(administration_level_raw, administration_contrast_scaled / reference));
    log_density += normal_lpdf(administration_contrast_scaled | 0, reference);
    array[2] vector[A] office;
    for (m in 1 : 2) {
      administration_deviation[m] = administration_deviation_sd * administration_deviation_raw[m];
      office[m] = administration_effect + administration_deviation[m];
    }

    // Intercepts, at the mean over an item's rows of what moves the state beside its series.
    {
      array[5] vector[I] at_path
        = {item_driver * driver_loading[1],
           item_driver * driver_loading[2] + second_member_level[1],
           item_administration * office[1],
           item_administration * office[2] + second_member_level[2],
           item_rival * rival_effect + item_government * government_effect};
      vector[I] at_item;
      for (k in 1 : I) at_item[k] = at_path[item_series[k], k];
      vector[I] shift = item_orientation .* item_loading .* at_item;
      intercept = (intercept_spread .* (intercept_basis * intercept_at_mean) - shift)[item];
      intercept[pair[ : , 1]] += member_intercept;
      intercept[pair[ : , 2]] -= member_intercept;
      log_density += normal_lpdf(intercept_at_mean
                                 | intercept_basis' * ((intercept_prior[1] + shift)
                                                       ./ intercept_spread), 1);
    }

    // Terms of the rows.
    for (m in 1 : M) season[m] = sum_to_zero(season_zerosum[m]);
    vector[1 + O + 12 * M + W] cells;
    cells[1] = 0;
    cells[2 : 1 + O] = mode_offset;
    for (m in 1 : M) cells[2 + O + 12 * (m - 1) : 1 + O + 12 * m] = season[m];
    cells[2 + O + 12 * M : ] = wave_error;
    vector[N] slope = oriented .* loading[row_indicator];
    vector[N] shift = intercept[row_indicator] + cells[nuisance_cell[ : , 1]]
                      + cells[nuisance_cell[ : , 2]] + cells[nuisance_cell[ : , 3]]
                      + covariate_design * covariate_effect;
    vector[N_chained] decay = exp(-log2() * (gap ./ own_error_half_life[chained_own]));
    vector[N_chained] narrow = 1 - square(decay);
    vector[N] row_noise = noise[row_indicator];
    vector[N] precision = inv(variance_base + variance_slope .* square(row_noise));
    vector[N_chained] chained_precision = precision[chained] ./ narrow;
    precision[chained] = chained_precision;

    // What the rows say of the states: tridiagonal precision and linear term.
    vector[N] left = link_value - shift;
    vector[N_chained] back = decay .* slope[previous];
    vector[N] rest = left;
    rest[chained] -= decay .* left[previous];
    vector[N] pulled = precision .* rest;
    vector[5 * T] told_precision
      = csr_matrix_times_vector(5 * T, N + N_chained, ones_told, told_column, told_start,
                                append_row(square(slope) .* precision,
                                           square(back) .* chained_precision));
    vector[5 * T] told_linear
      = csr_matrix_times_vector(5 * T, N + N_chained, ones_told, told_column, told_start,
                                append_row(slope .* pulled, -back .* pulled[chained]));
    vector[5 * T] told_coupling
      = csr_matrix_times_vector(5 * T, N_chained, ones_beside, beside_column, beside_start,
                                -back .* slope[chained] .* chained_precision);

    // States.
    vector[3] phi = exp(-log2() ./ half_life);
    array[2, 2] vector[T] path; // construct, member
    for (m in 1 : 2) {
      path[1, m] = driver_stock * driver_loading[m];
      path[2, m] = administration_months * office[m];
    }
    for (p in 1 : 2) {
      int at = 2 * (p - 1) * T;
      real size = p == 1 ? 1.0 : credibility_series_sd;
      real spread = size * second_member_scale[p];
      real across = spread * sqrt(1 - square(correlation[p]));
      tuple(vector[T], real) first
        = conditional_series(first_series_white[p], phi[p], path[p, 1], size,
                             told_precision[at + 1 : at + T], told_coupling[at + 1 : at + T],
                             told_linear[at + 1 : at + T]);
      vector[T] second_path = path[p, 2] + second_member_level[p]
                              + (spread * correlation[p]) * first.1;
      tuple(vector[T], real) second
        = conditional_series(second_series_white[p], phi[p], second_path, across,
                             told_precision[at + T + 1 : at + 2 * T],
                             told_coupling[at + T + 1 : at + 2 * T],
                             told_linear[at + T + 1 : at + 2 * T]);
      path[p, 1] += size * first.1;
      path[p, 2] = second_path + across * second.1;
      log_density += first.2 + second.2 + unit_autoregression_lpdf(first.1 | half_life[p])
                     + unit_autoregression_lpdf(second.1 | half_life[p]);
    }
    threat = path[1];
    credibility = path[2];
    vector[T] expected
      = 0.5 * (coefficient[1] * (threat[1] + threat[2])
               - coefficient[2] * soft_absolute(threat[1] - threat[2], softabs_width)
               + coefficient[3] * (credibility[1] + credibility[2])
               - coefficient[4] * soft_absolute(credibility[1] - credibility[2], softabs_width))
        + rival_stock * rival_effect + government_months * government_effect;
    expected[2 : T] *= 1 - phi[3];
    for (t in 2 : T) expected[t] += phi[3] * expected[t - 1];
    tuple(vector[T], real) residual
      = conditional_series(cohesion_residual_white, phi[3], expected, 1,
                           told_precision[4 * T + 1 : ], told_coupling[4 * T + 1 : ],
                           told_linear[4 * T + 1 : ]);
    log_density += residual.2 + unit_autoregression_lpdf(residual.1 | half_life[3]);
    cohesion = expected + residual.1;

    // Rows: around the mean of the state over the row's months, and the own error before.
    vector[5 * T] flat = append_row(append_row(append_row(threat[1], threat[2]),
                                               append_row(credibility[1], credibility[2])),
                                    cohesion);
    vector[N] state = flat[row_state];
    for (i in long_rows) state[i] = mean(segment(flat, row_state[i], row_months[i]));
    vector[N] predictor = shift + slope .* state;
    vector[N] centre = predictor;
    centre[chained] += decay .* (y[previous] - predictor[previous]);
    vector[N] scale = row_noise;
    scale[chained] = row_noise[chained] .* sqrt(narrow);
    log_density += normal_lpdf(y[normal_rows] | centre[normal_rows], scale[normal_rows])
                   + student_t_lpdf(y[student_rows] | student_t_noise_df, centre[student_rows],
                                    scale[student_rows])
                   + overdispersed_lpdf(beta_count | beta_n, predictor[beta_rows],
                                        row_noise[beta_rows])
                   + normal_lpdf(observation_logit | predictor[binomial_rows],
                                 row_noise[binomial_rows]);
  }
}
model {
  loading_mean_raw ~ std_normal();
  loading_spread_raw ~ std_normal();
  member_loading ~ normal(0, member_deviation_prior / sqrt2());
  half_life_threat_raw ~ std_normal();
  half_life_credibility_raw ~ std_normal();
  half_life_cohesion_raw ~ std_normal();
  correlation_z ~ normal(correlation_prior[1], correlation_prior[2]);
  second_member_level ~ normal(second_member_level_prior[1], second_member_level_prior[2]);
  second_member_scale_raw ~ std_normal();
  for (m in 1 : 2) {
    driver_loading[m] ~ normal(driver_loading_prior[1], driver_loading_prior[2]);
    administration_deviation_raw[m] ~ std_normal();
  }
  administration_level_raw ~ std_normal();
  administration_deviation_sd_raw ~ std_normal();
  credibility_series_sd_raw ~ std_normal();
  rival_effect ~ normal(rival_effect_prior[1], rival_effect_prior[2]);
  government_sd_z ~ std_normal();
  own_error_half_life_raw ~ std_normal();
  noise_mean_raw ~ std_normal();
  noise_spread_raw ~ std_normal();
  member_intercept ~ normal(0, member_deviation_prior / sqrt2());
  mode_offset ~ normal(mode_offset_prior[1], mode_offset_prior[2]);
  for (m in 1 : M) season_zerosum[m] ~ normal(0, season_prior);
  wave_sd_raw ~ std_normal();
  wave_error_raw ~ std_normal();
  covariate_effect ~ normal(covariate_effect_prior[1], covariate_effect_prior[2]);
  coefficient ~ normal(coefficient_prior[1], coefficient_prior[2]);
  y_count[binomial_rows] ~ binomial_logit(n[binomial_rows], observation_logit);
  // Series, pooled parameters and all other rows.
  target += log_density;
}
generated quantities {
  real government_sd = abs(government_sd_prior * government_sd_z);
}
