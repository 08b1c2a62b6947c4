// Package classifier turns hidden states into calibrated probabilities: pooling over a sequence, MLP heads on the pooled
// state, temperature and threshold, and the folder that a head is kept in.
//
// # Pooling
//
// A prompt has n tokens with final hidden states h[0..n-1]; t tokens are generated after it. x[0] = h[n-1] is the state
// that the first generated token is predicted from, and x[i], i ≥ 1, the state at the i-th generated token, once it has
// been fed back in. The kinds are:
//
//	mean_generated  (x[1]+…+x[t]) / t                    states at the generated tokens; the default
//	mean_from       (x[0]+…+x[t-1]) / t                  states that the generated tokens were predicted from
//	mean_all        (h[0]+…+h[n-1]+x[1]+…+x[t]) / (n+t)  prompt and generated
//	last            x[t]
//	max             max(x[1], …, x[t]), element by element
//	cls             h[0]                                 for encoders
//	mean            mean of all states                   for encoders; the same as mean_all
//
// With t = 0, the verdict without reasoning, mean_generated, mean_from and max are x[0]. In the parity fixtures these are
// gen_mean_at (mean_generated), gen_mean_from (mean_from), prompt_gen_mean (mean_all), and for t = 0 pooled_mean
// (mean_all) and pooled_last (last).
//
// [Over] pools whole sequences; [Pool] keeps a running pool in a decode loop. Both give the same.
//
// # Heads
//
// A head is an MLP from the pooled state to one logit z: Linear, activation, …, Linear, without hidden layers a logistic
// regression. Its probability is sigmoid(z / T), with the temperature T set on held-out data (temperature scaling,
// arXiv:1706.04599). See [Config] for head.json and [Head.Save] for the tensors beside it.
package classifier
