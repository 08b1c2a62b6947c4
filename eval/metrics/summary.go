package metrics

// Summary holds the usual figures of a judge at a threshold, as tables and JSON have them.
type Summary struct {
	N                int       `json:"n"`
	Positives        int       `json:"positives"`
	Threshold        float64   `json:"threshold"`
	Confusion        Confusion `json:"confusion"`
	Accuracy         Number    `json:"accuracy"`
	Precision        Number    `json:"precision"`
	Recall           Number    `json:"recall"`
	F1               Number    `json:"f1"`
	Specificity      Number    `json:"specificity"`
	FPR              Number    `json:"fpr"`
	FPReduction      Number    `json:"fp_reduction"`
	BalancedAccuracy Number    `json:"balanced_accuracy"`
	MCC              Number    `json:"mcc"`
	ROCAUC           Number    `json:"roc_auc"`
	AveragePrecision Number    `json:"average_precision"`
	PRAUC            Number    `json:"pr_auc_trapezoid"`
	Brier            Number    `json:"brier"`
	LogLoss          Number    `json:"log_loss"`
	ECE              Number    `json:"ece"`
	ECEConfidence    Number    `json:"ece_confidence"`
}

// Summary computes all figures at a threshold.
func (s *Scores) Summary(threshold float64) Summary {
	c := s.Confusion(threshold)
	return Summary{
		N: s.N(), Positives: s.Positives(), Threshold: threshold, Confusion: c,
		Accuracy: Number(c.Accuracy()), Precision: Number(c.Precision()), Recall: Number(c.Recall()), F1: Number(c.F1()),
		Specificity: Number(c.Specificity()), FPR: Number(c.FPR()), FPReduction: Number(c.FPReduction()),
		BalancedAccuracy: Number(c.BalancedAccuracy()), MCC: Number(c.MCC()),
		ROCAUC: Number(s.ROCAUC()), AveragePrecision: Number(s.AveragePrecision()), PRAUC: Number(s.PRAUC()),
		Brier: Number(s.Brier()), LogLoss: Number(s.LogLoss()), ECE: Number(s.ECE()), ECEConfidence: Number(s.ECEConfidence()),
	}
}
